"""The base of all device models: registers by declaration, reset, saved state."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

from pytcg.devices.registers import Declared, Register, RegisterArray
from pytcg.devices.wiring import Line, Wiring, unconnected
from pytcg.softmmu.regions import BusError, Region, Registers
from pytcg.softmmu.shared import PAGE, SharedRegisters, WiredLine, page_key, register_key

__all__ = ["Device", "InterruptController", "Line", "Wiring", "unconnected"]

#: the models that are loaded, by each name in `compatible`; `devices/catalogue.py` loads and finds them
MODELS: dict[str, type[Device]] = {}

Get = Callable[[], int]
Set = Callable[[int], None]


class Device:
    """A device model.

    Methods are called with the machine's lock held, from vCPU threads and from the event loop. An offset where no
    register is declared reads as zero and ignores writes. A write narrower than the register merges into what a read
    gives.
    """

    #: names in the device tree, most specific first
    compatible: ClassVar[tuple[str, ...]] = ()
    #: access sizes in bytes that the device answers; others, and unaligned ones, are bus errors
    sizes: ClassVar[tuple[int, ...]] = (4,)
    #: whether the windows of its node are memory that the device watches, instead of registers
    in_memory: ClassVar[bool] = False
    #: whether it is a serial port, which `-serial` connects to a chardev
    is_serial: ClassVar[bool] = False
    #: of these, for a device with a `read` or `write` of its own: those in which it treats declared registers as usual
    shared_sizes: ClassVar[tuple[int, ...]] = ()
    #: attributes that are state, besides the stored registers; plain values, lists, dicts and bytearrays
    state: ClassVar[tuple[str, ...]] = ()
    #: all declared registers
    registers: ClassVar[dict[str, Declared]] = {}
    #: where machine code finds registers, once `share` was called
    shared: SharedRegisters
    #: which of several registers at one offset is visible
    bank: int = 0
    #: whether the banks are the registers of the windows of its node, in order; otherwise there are only those of the
    #: first window
    bank_is_window: ClassVar[bool] = False
    #: log2 of how far apart in bytes the offsets 0, 1, 2… of the declaration are (a binding's reg-shift)
    shift: int = 0

    def __init_subclass__(cls) -> None:
        own = {name: item for name, item in vars(cls).items() if isinstance(item, Declared)}
        cls.registers = {**cls.registers, **own}
        for name in cls.compatible:
            MODELS[name] = cls

    def __init__(self) -> None:
        """To be called last by a subclass: lays the registers out and resets the device."""
        self.values: dict[str, Any] = {}
        self._gets: dict[int, dict[int, tuple[Get, int]]] = {}
        self._sets: dict[int, dict[int, tuple[Set, Get, int, int]]] = {}
        #: the cells of registers, once they are shared, by name, and which of them show what is stored
        self._cells: dict[str, int] = {}
        self._published: set[str] = set()
        #: the cells by which machine code drives lines, by name and index of the register
        self._driven: dict[tuple[str, int], int] = {}
        self._lay_out()
        self.reset()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        """The device of a node. Raises ValueError where the node's properties make no sense."""
        return cls()

    def reset(self) -> None:
        """Back to the state at power-on. A subclass calls this first, then sets its `state` and its lines."""
        self._replace({r.name: r.initial(self) for r in self.registers.values() if r.stored})

    def save(self) -> dict[str, Any]:
        """The state, as a dict of plain values that shares nothing with the device."""
        for name, index in self._driven:
            self.values[name][index] = self.level(name, index)
        return copy.deepcopy({"registers": self.values, **{name: getattr(self, name) for name in self.state}})

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `save` gave."""
        own = copy.deepcopy(saved)
        self._replace(own.pop("registers"))
        for name, value in own.items():
            setattr(self, name, value)
        self.restored()

    def window(self, number: int) -> Registers | Region | None:
        """What is in window `number` of the device's node; None where nothing is."""
        if self.bank_is_window:
            return BankWindow(self, number) if number in self._gets else None
        return self if number == 0 else None

    def restored(self) -> None:
        """Set lines and timers anew from restored state."""

    def store(self, name: str, value: int) -> None:
        """Give a stored register a value, which machine code sees, too."""
        self.values[name] = value
        if name in self._published:
            self.shared.publish(self._cells[name], value)

    def level(self, name: str, index: int) -> int:
        """The value of a stored register that drives a line, which machine code may have changed."""
        cell = self._driven.get((name, index))
        value: int = self.values[name][index] if cell is None else self.shared.value(cell)
        return value

    def drive(self, row: RegisterArray, index: int, value: int) -> None:
        """The guest writes a register that drives a line."""
        level = value & row.mask & 1
        if row.stored:
            self.values[row.name][index] = level
            if (row.name, index) in self._driven:
                self.shared.publish(self._driven[row.name, index], level)
        getattr(self, row.drives)[index](bool(level))

    def _replace(self, values: dict[str, Any]) -> None:
        """Take over the values of stored registers."""
        self.values.update(values)
        for name in self._published:
            self.store(name, self.values[name])
        for (name, index), cell in self._driven.items():
            self.shared.publish(cell, self.values[name][index])

    def share(self, shared: SharedRegisters, windows: Sequence[tuple[int, int]]) -> None:
        """Let machine code serve what it can of the windows: guest physical addresses and sizes in bytes."""
        self.shared = shared
        for number, (base, size) in enumerate(windows[: len(self._gets) if self.bank_is_window else 1]):
            try:
                self._share_window(base, size, [number] if self.bank_is_window else list(self._gets))
            except OverflowError:
                # what there is no room for is left to Python
                continue
        always = self.bank_is_window or len(self._gets) == 1
        known = (row for row in self.registers.values() if isinstance(row, Register) and row.name in self._cells)
        rows = [row for row in known if row.stored and (always or row.bank is None)]
        self._published = {row.name for row in rows if "r" in row.access}
        for row in rows:
            if "r" not in row.access:
                # Nothing that is published can depend on it.
                shared.post(self._cells[row.name], partial(_put_last, row.setter(self, ())), row.width)
        self._replace({})
        self.share_state()

    def _share_window(self, base: int, size: int, banks: Sequence[int]) -> None:
        """Make the cells of a window that shows some of the banks. Raises OverflowError."""
        shared = self.shared
        own = type(self).read is not Device.read or type(self).write is not Device.write
        sizes = self.shared_sizes if own else self.sizes
        offsets = {offset for bank in banks for offset in (*self._gets[bank], *self._sets[bank])}
        cells = {at: shared.cell(register_key(base + (at << self.shift)), sizes) for at in sorted(offsets)}
        single = (register for register in self.registers.values() if isinstance(register, Register))
        self._cells |= {row.name: cells[row.offset] for row in single if row.bank in (None, *banks)}
        for row in self.registers.values():
            if isinstance(row, RegisterArray) and row.drives and row.bank in (None, *banks):
                self._share_lines(row, cells)
        if not own and base % PAGE == size % PAGE == self.shift == 0:
            for page in range(base, base + size, PAGE):
                # what has no register reads as zero and ignores writes
                rest = shared.cell(page_key(page), sizes)
                shared.publish(rest, 0)
                shared.ignore(rest)

    def _share_lines(self, row: RegisterArray, cells: Mapping[int, int]) -> None:
        """Let machine code drive the lines of an array, by the cells at its offsets."""
        for (offset, (index,)), line in zip(row.cells(self), getattr(self, row.drives), strict=True):
            if isinstance(line, WiredLine):
                self.shared.drive(cells[offset], line.wire, row.width)
                if row.stored:
                    self._driven[row.name, index] = cells[offset]

    def share_state(self) -> None:
        """`publish` and `post` what can be. Called once registers are shared, and by the device when that changes."""

    def publish(self, register: Register, value: int | None) -> None:
        """Until further notice, a read gives a value and does nothing else; None: the reading method is needed."""
        cell = self._cells.get(register.name)
        if cell is not None:
            if value is None:
                self.shared.withdraw(cell)
            else:
                self.shared.publish(cell, value)

    def publish_time(self, register: Register) -> None:
        """A read gives guest time."""
        cell = self._cells.get(register.name)
        if cell is not None:
            self.shared.publish_time(cell)

    def post(self, register: Register, allowed: bool) -> None:
        """Until further notice, whether writes may be posted."""
        cell = self._cells.get(register.name)
        if cell is not None and register.poster:
            if allowed:
                self.shared.post(cell, partial(_post_masked, register.poster, self, register.mask), register.width)
            else:
                self.shared.withhold(cell)

    def read(self, offset: int, size: int) -> int:
        """The guest reads `size` bytes at `offset`. Raises BusError."""
        if size not in self.sizes or offset & (size - 1):
            raise BusError(f"{type(self).__name__}: no {size}-byte reads at {offset:#x}")
        cell = self._gets[self.bank].get(offset >> self.shift)
        if cell is None:
            return 0
        return cell[0]() >> cell[1] & ((1 << 8 * size) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        """The guest writes `size` bytes at `offset`. Raises BusError."""
        if size not in self.sizes or offset & (size - 1):
            raise BusError(f"{type(self).__name__}: no {size}-byte writes at {offset:#x}")
        cell = self._sets[self.bank].get(offset >> self.shift)
        if cell is None:
            return
        put, get, shift, width = cell
        if size < width:
            ones = ((1 << 8 * size) - 1) << shift
            value = get() & ~ones | value << shift & ones
        put(value)

    def _lay_out(self) -> None:
        """Fill the tables of what is at each offset, for each bank."""
        banks = {r.bank for r in self.registers.values()} - {None} or {0}
        step = min(self.sizes)
        for bank in banks:
            gets: dict[int, tuple[Get, int]] = {}
            sets: dict[int, tuple[Set, Get, int, int]] = {}
            for register in self.registers.values():
                if register.bank not in (None, bank):
                    continue
                for start, index in register.cells(self):
                    get, put = register.getter(self, index), register.setter(self, index)
                    # what a narrower write leaves as it is
                    rest = (lambda: 0) if "c" in register.access else get
                    for at in range(0, register.width, step):
                        if "r" in register.access:
                            gets[start + at] = (get, 8 * at)
                        if register.writable:
                            sets[start + at] = (put, rest, 8 * at, register.width)
            self._gets[bank or 0] = gets
            self._sets[bank or 0] = sets


def _put_last(put: Set, values: list[int]) -> None:
    """Do posted writes of a register whose writes only store."""
    put(values[-1])


def _post_masked(poster: Callable[[Any, list[int]], None], device: Device, mask: int, values: list[int]) -> None:
    """Do posted writes of a register."""
    poster(device, [value & mask for value in values])


class BankWindow:
    """One bank of a device's registers, as a window of its own."""

    def __init__(self, device: Device, bank: int) -> None:
        self.device = device
        self.bank = bank

    def read(self, offset: int, size: int) -> int:
        """As `Device.read`."""
        self.device.bank = self.bank
        return self.device.read(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """As `Device.write`."""
        self.device.bank = self.bank
        self.device.write(offset, size, value)


class InterruptController(Device):
    """A device that other devices' interrupts lead to."""

    def line(self, *cells: int) -> Line:
        """The line of an interrupt specifier's cells. Raises ValueError where there is no such input."""
        raise ValueError(f"{type(self).__name__} has no interrupt {cells}")

    def describe(self) -> str:
        """Its inputs and what is pending, as text for a monitor."""
        return ", ".join(f"{name} {getattr(self, name)}" for name in self.state)


class PinController(Device):
    """A device with output pins, which the tree's `gpios` lead to."""

    def on_output(self, pin: int, line: Line) -> None:
        """Call `line` with the level of an output pin whenever it changes. Raises ValueError for no such pin."""
        raise ValueError(f"{type(self).__name__} has no pin {pin}")
