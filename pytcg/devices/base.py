"""The base of all device models: registers by declaration, reset, saved state."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

from pytcg.devices.registers import Declared
from pytcg.devices.sharing import Get, Set, Shareable
from pytcg.devices.wiring import Line, Wiring, unconnected
from pytcg.softmmu.regions import BusError, Region, Registers

__all__ = ["Device", "InterruptController", "Line", "Wiring", "unconnected"]

#: the models that are loaded, by each name in `compatible`; `devices/catalogue.py` loads and finds them
MODELS: dict[str, type[Device]] = {}


class Device(Shareable):
    """A device model.

    Methods are called with the machine's lock held, from vCPU threads and from the event loop. An offset where no
    register is declared reads as zero and ignores writes. A write narrower than the register merges into what a read
    gives.
    """

    #: names in the device tree, most specific first
    compatible: ClassVar[tuple[str, ...]] = ()
    #: whether the windows of its node are memory that the device watches, instead of registers
    in_memory: ClassVar[bool] = False
    #: whether it is a serial port, which `-serial` connects to a chardev
    is_serial: ClassVar[bool] = False
    #: attributes that are state, besides the stored registers; plain values, lists, dicts and bytearrays
    state: ClassVar[tuple[str, ...]] = ()
    #: which of several registers at one offset is visible
    bank: int = 0

    def __init_subclass__(cls) -> None:
        own = {name: item for name, item in vars(cls).items() if isinstance(item, Declared)}
        cls.registers = {**cls.registers, **own}
        cls.has_own_access = cls.read is not Device.read or cls.write is not Device.write
        for name in cls.compatible:
            MODELS[name] = cls

    def __init__(self) -> None:
        """To be called last by a subclass: lays the registers out and resets the device."""
        super().__init__()
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
