"""Declared device registers.

    class Counter(Device):
        control = Register(0x0, mask=0x3)
        running = control.field(0)
        value = Register(0x4, access="r")
        compare = RegisterArray(0x10, lambda self: [(self.channels, 4)])

        @value.reads
        def _value_now(self) -> int: ...

        @compare.writes
        def _set_compare(self, value: int, index: int) -> None: ...

A register without a reading method is *stored*: `self.control` is what a read gives. A writing method is given the
value after `mask` and stores what is to be stored. In the device, a register reads and is assigned as an int, an array
as a list.

Machine code reads stored registers by itself (not arrays, nor those of one bank). Others it does where the device
has said so: `self.publish(Device.register, value)`, `self.post(Device.register)`; see `softmmu/shared.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

if TYPE_CHECKING:
    from pytcg.devices.sharing import Shareable

Reader = TypeVar("Reader", bound=Callable[..., int])
Writer = TypeVar("Writer", bound=Callable[..., None])
Poster = TypeVar("Poster", bound=Callable[..., None])


class Declared:
    """What single registers and arrays of registers have in common.

    `offset` and `width` are in bytes; `access` is "r", "w", "rw" or "rc" (reading a write-only register gives 0,
    writing a read-only one does nothing, writing ones to the last clears bits); `mask` has the bits that can be
    written, the others keep their `reset` value; `bank` is the value of the device's `bank` in which the register is
    visible (None: always), for devices with two registers at one offset. `drives` names the attribute of the device
    with the lines, by index, that bit 0 of each register of an array drives; a write does nothing else.
    """

    def __init__(
        self,
        offset: int,
        width: int = 4,
        access: str = "rw",
        reset: int = 0,
        mask: int | None = None,
        bank: int | None = None,
        doc: str = "",
    ) -> None:
        self.name = ""
        self.offset = offset
        self.width = width
        self.access = access
        self.reset = reset
        self.mask = (1 << 8 * width) - 1 if mask is None else mask
        self.bank = bank
        self.doc = doc
        self.reader: Callable[..., int] | None = None
        self.writer: Callable[..., None] | None = None
        self.poster: Callable[..., None] | None = None

    def __set_name__(self, owner: type[Shareable], name: str) -> None:
        self.name = name

    def moved(self, offset: int) -> Self:
        """The same register at another offset, and in all banks, for a device that takes it over from another."""
        twin = copy.copy(self)
        twin.offset, twin.bank = offset, None
        return twin

    def reads(self, method: Reader) -> Reader:
        """Decorator: `method(self)`, or `method(self, index)` of an array, gives the value of a read."""
        self.reader = method
        return method

    def writes(self, method: Writer) -> Writer:
        """Decorator: `method(self, value)`, or `method(self, value, index)` of an array, is the effect of a write."""
        self.writer = method
        return method

    def posted(self, method: Poster) -> Poster:
        """Decorator: `method(self, values)` does a run of posted writes, that of the oldest first."""
        self.poster = method
        return method

    @property
    def stored(self) -> bool:
        """Whether the device holds a value for it, which is then part of the device's state."""
        return self.reader is None and not (self.access == "w" and self.writer is not None)

    @property
    def writable(self) -> bool:
        """Whether writes do something."""
        return self.access != "r"

    def initial(self, device: Any) -> int | list[int]:
        """The value after a reset."""
        return self.reset

    def cells(self, device: Any) -> list[tuple[int, tuple[int, ...]]]:
        """Of each register that is declared: its offset, and (index,) in an array, () otherwise."""
        return [(self.offset, ())]

    def getter(self, device: Shareable, index: tuple[int, ...]) -> Callable[[], int]:
        """A function that does a read."""
        reader, values, name = self.reader, device.values, self.name
        if reader is not None:
            return lambda: reader(device, *index)
        if "r" not in self.access:
            return lambda: 0
        if index:
            at = index[0]
            return lambda: values[name][at]
        return lambda: values[name]

    def setter(self, device: Shareable, index: tuple[int, ...]) -> Callable[[int], None]:
        """A function that does a write."""
        writer, values, name, mask, fixed = self.writer, device.values, self.name, self.mask, self.reset & ~self.mask

        def store(value: int) -> None:
            if index:
                values[name][index[0]] = fixed | value & mask
            else:
                device.store(name, fixed | value & mask)

        def clear(value: int) -> None:
            values[name] &= ~(value & mask)

        if writer is not None:
            return lambda value: writer(device, value & mask, *index)
        return clear if "c" in self.access else store


class Register(Declared):
    """One register."""

    @overload
    def __get__(self, device: None, owner: type[Shareable]) -> Self: ...

    @overload
    def __get__(self, device: Shareable, owner: type[Shareable]) -> int: ...

    def __get__(self, device: Shareable | None, owner: type[Shareable]) -> Self | int:
        if device is None:
            return self
        value: int = device.values[self.name]
        return value

    def __set__(self, device: Shareable, value: int) -> None:
        device.store(self.name, value)

    def field(self, low: int, width: int = 1) -> Field:
        """The bits from `low` up."""
        return Field(self, low, width)


class RegisterArray(Declared):
    """Registers at regular distances.

    `shape(device)` is a list of (count, stride in bytes), outermost first; methods get the index counted through all.
    """

    def __init__(
        self,
        offset: int,
        shape: Callable[[Any], Sequence[tuple[int, int]]],
        width: int = 4,
        access: str = "rw",
        reset: int = 0,
        mask: int | None = None,
        bank: int | None = None,
        doc: str = "",
        drives: str = "",
    ) -> None:
        super().__init__(offset, width, access, reset, mask, bank, doc)
        self.shape = shape
        self.drives = drives

    @overload
    def __get__(self, device: None, owner: type[Shareable]) -> Self: ...

    @overload
    def __get__(self, device: Shareable, owner: type[Shareable]) -> list[int]: ...

    def __get__(self, device: Shareable | None, owner: type[Shareable]) -> Self | list[int]:
        if device is None:
            return self
        value: list[int] = device.values[self.name]
        return value

    def __set__(self, device: Shareable, value: list[int]) -> None:
        device.values[self.name] = value

    @property
    def stored(self) -> bool:
        return super().stored and not (self.drives and self.access == "w")

    def getter(self, device: Shareable, index: tuple[int, ...]) -> Callable[[], int]:
        if self.drives and self.stored:
            return partial(device.level, self.name, index[0])
        return super().getter(device, index)

    def setter(self, device: Shareable, index: tuple[int, ...]) -> Callable[[int], None]:
        return partial(device.drive, self, index[0]) if self.drives else super().setter(device, index)

    def initial(self, device: Any) -> int | list[int]:
        return [self.reset] * len(self.cells(device))

    def cells(self, device: Any) -> list[tuple[int, tuple[int, ...]]]:
        offsets = [self.offset]
        for count, stride in self.shape(device):
            offsets = [offset + stride * i for offset in offsets for i in range(count)]
        return [(offset, (index,)) for index, offset in enumerate(offsets)]


class Field:
    """Some bits of a stored register, as an attribute of the device."""

    def __init__(self, register: Register, low: int, width: int) -> None:
        self.register = register
        self.low = low
        self.mask = (1 << width) - 1

    @overload
    def __get__(self, device: None, owner: type[Shareable]) -> Self: ...

    @overload
    def __get__(self, device: Shareable, owner: type[Shareable]) -> int: ...

    def __get__(self, device: Shareable | None, owner: type[Shareable]) -> Self | int:
        if device is None:
            return self
        value: int = device.values[self.register.name]
        return value >> self.low & self.mask

    def __set__(self, device: Shareable, value: int) -> None:
        name = self.register.name
        device.store(name, device.values[name] & ~(self.mask << self.low) | (value & self.mask) << self.low)
