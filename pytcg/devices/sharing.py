"""What machine code serves of a device's registers without Python: what it sees, what is posted, what drives lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pytcg.devices.registers import Declared, Register, RegisterArray
from pytcg.softmmu.shared import PAGE, SharedRegisters, WiredLine, page_key, register_key

Get = Callable[[], int]
Set = Callable[[int], None]


class Shareable:
    """The values of stored registers, and the cells in which machine code finds them once they are shared."""

    #: access sizes in bytes that the device answers; others, and unaligned ones, are bus errors
    sizes: ClassVar[tuple[int, ...]] = (4,)
    #: of these, for a device with a `read` or `write` of its own: those in which it treats declared registers as usual
    shared_sizes: ClassVar[tuple[int, ...]] = ()
    #: whether it is such a device; `Device` finds out
    has_own_access: ClassVar[bool] = False
    #: all declared registers
    registers: ClassVar[dict[str, Declared]] = {}
    #: where machine code finds registers, once `share` was called
    shared: SharedRegisters
    #: whether the banks are the registers of the windows of its node, in order; otherwise there are only those of the
    #: first window
    bank_is_window: ClassVar[bool] = False
    #: log2 of how far apart in bytes the offsets 0, 1, 2… of the declaration are (a binding's reg-shift)
    shift: int = 0

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        #: by bank and offset, what a read and a write do
        self._gets: dict[int, dict[int, tuple[Get, int]]] = {}
        self._sets: dict[int, dict[int, tuple[Set, Get, int, int]]] = {}
        #: the cells of registers, once they are shared, by name, and which of them show what is stored
        self._cells: dict[str, int] = {}
        self._published: set[str] = set()
        #: the cells by which machine code drives lines, by name and index of the register
        self._driven: dict[tuple[str, int], int] = {}

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
        sizes = self.shared_sizes if self.has_own_access else self.sizes
        offsets = {offset for bank in banks for offset in (*self._gets[bank], *self._sets[bank])}
        cells = {at: shared.cell(register_key(base + (at << self.shift)), sizes) for at in sorted(offsets)}
        single = (register for register in self.registers.values() if isinstance(register, Register))
        self._cells |= {row.name: cells[row.offset] for row in single if row.bank in (None, *banks)}
        for row in self.registers.values():
            if isinstance(row, RegisterArray) and row.drives and row.bank in (None, *banks):
                self._share_lines(row, cells)
        if not self.has_own_access and base % PAGE == size % PAGE == self.shift == 0:
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


def _put_last(put: Set, values: list[int]) -> None:
    """Do posted writes of a register whose writes only store."""
    put(values[-1])


def _post_masked(poster: Callable[[Any, list[int]], None], device: Shareable, mask: int, values: list[int]) -> None:
    """Do posted writes of a register."""
    poster(device, [value & mask for value in values])
