"""Guest physical memory: an address space of regions that do not overlap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from mmap import mmap
from typing import Protocol

from pytcg.softmmu.hostmem import HostMemory
from pytcg.softmmu.shared import SharedRegisters

PAGE_BITS = 12

# Who is to notice stores into a page of RAM: the owner of translations of the code in it, or a device.
CODE, WATCHED = 1, 2


class BusError(Exception):
    """Nothing answers at a guest physical address, or what is there refuses the access."""


class Registers(Protocol):
    """What an `Io` region needs of a device; `offset` is relative to the region, values are unsigned."""

    def read(self, offset: int, size: int) -> int: ...

    def write(self, offset: int, size: int, value: int) -> None: ...


class Region:
    """A range of guest physical addresses, `base` to `end` (the first address after it)."""

    def __init__(self, name: str, base: int, size: int) -> None:
        if size <= 0 or base < 0 or base + size > 1 << 64:
            raise ValueError(f"region {name}: {size:#x} bytes at {base:#x} do not fit into 64-bit addresses")
        self.name = name
        self.base = base
        self.size = size
        self.end = base + size

    def read(self, address: int, size: int) -> int:
        """The `size` bytes at a guest physical address inside the region, little-endian. Raises BusError."""
        raise BusError(f"{self.name} is not readable at {address:#x}")

    def write(self, address: int, size: int, value: int) -> None:
        """Write the low `size` bytes of `value`, little-endian. Raises BusError."""
        raise BusError(f"{self.name} is not writable at {address:#x}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}, {self.base:#x}-{self.end - 1:#x})"


class Rom(Region):
    """Memory that the guest cannot write: a store gets a bus error. `AddressSpace.load` fills it."""

    def __init__(self, name: str, base: int, size: int) -> None:
        super().__init__(name, base, size)
        self.memory = HostMemory(size)
        #: the contents, for Python
        self.buffer = self.memory.buffer
        #: host address of the first byte, for machine code
        self.host = self.memory.address

    def read(self, address: int, size: int) -> int:
        at = address - self.base
        return int.from_bytes(self.buffer[at : at + size], "little")


class Ram(Rom):
    """Memory that the guest reads and writes."""

    def __init__(self, name: str, base: int, size: int) -> None:
        super().__init__(name, base, size)
        #: a byte a page, of CODE and WATCHED; not zero where a store must not go unnoticed
        self.store_map = mmap(-1, -(-size >> PAGE_BITS))
        self._watches: list[tuple[int, int, Callable[[], None]]] = []

    def write(self, address: int, size: int, value: int) -> None:
        at = address - self.base
        self.buffer[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        self.stored(address, size)

    def watch(self, address: int, size: int, stored: Callable[[], None]) -> None:
        """Have `stored` called after each store, but no atomic one, that overlaps `size` bytes of one page."""
        self.store_map[address - self.base >> PAGE_BITS] |= WATCHED
        self._watches.append((address, address + size, stored))

    def stored(self, address: int, size: int) -> None:
        """Say that a guest has stored `size` bytes."""
        for start, end, stored in self._watches:
            if start < address + size and address < end:
                stored()


class Io(Region):
    """A window to a device's registers."""

    def __init__(self, name: str, base: int, size: int, device: Registers) -> None:
        super().__init__(name, base, size)
        self.device = device

    def read(self, address: int, size: int) -> int:
        return self.device.read(address - self.base, size)

    def write(self, address: int, size: int, value: int) -> None:
        self.device.write(address - self.base, size, value & ((1 << 8 * size) - 1))


class AddressSpace:
    """The regions of a machine, found by guest physical address."""

    def __init__(self) -> None:
        self._regions: list[Region] = []
        self._bases: list[int] = []
        self._recent: dict[int, Region] = {}
        #: device registers that machine code serves
        self.shared = SharedRegisters()

    def __iter__(self) -> Iterator[Region]:
        """The regions in order of address."""
        return iter(self._regions)

    def add(self, region: Region) -> None:
        """Put a region into place. Raises ValueError where it overlaps another."""
        at = bisect_right(self._bases, region.base)
        for other in self._regions[max(at - 1, 0) : at + 1]:
            if other.base < region.end and region.base < other.end:
                raise ValueError(f"{region} overlaps {other}")
        self._regions.insert(at, region)
        self._bases.insert(at, region.base)
        self._recent = {}

    def find(self, address: int) -> Region | None:
        """The region that holds a guest physical address; None where there is nothing."""
        at = bisect_right(self._bases, address) - 1
        if at >= 0 and address < self._regions[at].end:
            return self._regions[at]
        return None

    def _holding(self, address: int, size: int) -> Region:
        """The region of a whole access. Raises BusError."""
        region = self._recent.get(address >> PAGE_BITS)
        if region is not None and region.base <= address and address + size <= region.end:
            return region
        region = self.find(address)
        if region is None or address + size > region.end:
            raise BusError(f"no memory or device holds the {size} bytes at {address:#x}")
        if len(self._recent) > 1024:
            self._recent = {}
        self._recent[address >> PAGE_BITS] = region
        return region

    def read(self, address: int, size: int) -> int:
        """Read `size` bytes (at most 8 from a device), little-endian, at a guest physical address. Raises BusError."""
        return self._holding(address, size).read(address, size)

    def write(self, address: int, size: int, value: int) -> None:
        """Write the low `size` bytes of `value`, little-endian, at a guest physical address. Raises BusError."""
        self._holding(address, size).write(address, size, value)

    def watch(self, address: int, size: int, stored: Callable[[], None]) -> None:
        """`Ram.watch` of the region that holds the bytes. Raises BusError where no RAM does."""
        region = self._holding(address, size)
        if not isinstance(region, Ram):
            raise BusError(f"{region} is no memory whose stores can be watched")
        region.watch(address, size, stored)

    def load(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Put bytes into RAM or ROM, as a loader does. Raises BusError where one region does not hold them all."""
        if data:
            region = self._memory(address, len(data))
            at = address - region.base
            region.buffer[at : at + len(data)] = data

    def clear(self, address: int, size: int) -> None:
        """Zero bytes of RAM or ROM, giving whole pages back to the host. Raises BusError as `load`."""
        if size:
            region = self._memory(address, size)
            region.memory.clear(address - region.base, size)

    def _memory(self, address: int, size: int) -> Rom:
        region = self._holding(address, size)
        if not isinstance(region, Rom):
            raise BusError(f"{region} is no memory to load {size} bytes into")
        return region
