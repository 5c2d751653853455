"""Split virtqueues, the device's side.

Source: Virtual I/O Device (VIRTIO) specification 1.2, section 2.7. Whatever a driver puts into memory is checked here:
what breaks a rule raises DriverError, and nothing outside guest RAM is ever read or written.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from threading import Lock

from pytcg.softmmu.dma import Dma
from pytcg.softmmu.regions import BusError

DESCRIPTOR = struct.Struct("<QIHH")
NEXT, WRITE, INDIRECT = 1, 2, 4
#: flag of the available ring
NO_INTERRUPT = 1
#: sizes in bytes of the rings' headers (flags and index) and of a used element
RING_HEADER = 4
USED_ELEMENT = struct.Struct("<II")
#: the event index after each ring
EVENT = 2
MAX_CHAIN_BYTES = 1 << 32

# Taking a free lock is a locked instruction, which orders a store before it and a load after it as the driver's side
# expects; Python has no other barrier.
_barrier = Lock()


class DriverError(Exception):
    """The driver broke a rule of the specification; the device needs a reset."""


class Chain:
    """The buffers of one request: those that the device reads, and those that it writes."""

    __slots__ = ("head", "ranges", "readable", "writable")

    def __init__(self, head: int) -> None:
        self.head = head
        self.readable: list[memoryview] = []
        self.writable: list[memoryview] = []
        #: guest physical address and size of each buffer that the device writes
        self.ranges: list[tuple[int, int]] = []

    @property
    def room(self) -> int:
        """Bytes that the device may write."""
        return sum(map(len, self.writable))

    def read(self, size: int) -> bytes:
        """Take the first `size` bytes, or as many as there are, out of what the device reads."""
        return b"".join(_take(self.readable, size))

    def fill(self, data: bytes) -> int:
        """Put bytes where the device writes, and take that room; how many found room."""
        at = 0
        for buffer in _take(self.writable, len(data)):
            buffer[:] = data[at : at + len(buffer)]
            at += len(buffer)
        return at


def _take(buffers: list[memoryview], size: int) -> list[memoryview]:
    """Split the first `size` bytes off a list of buffers."""
    taken = []
    while size and buffers:
        buffer = buffers.pop(0)
        taken.append(buffer[:size])
        if len(buffer) > size:
            buffers.insert(0, buffer[size:])
        size -= len(taken[-1])
    return taken


class Virtqueue:
    """One queue. `limit` is the largest size that the driver may choose."""

    #: what is state, as plain values
    STATE = ("size", "descriptors", "available", "used", "enabled", "next_available", "next_used", "signalled")

    def __init__(self, memory: Dma, index: int, limit: int) -> None:
        self.memory = memory
        self.index = index
        self.limit = limit
        self.reset()

    def reset(self) -> None:
        """Back to a queue that the driver has not set up."""
        self.size = self.limit
        #: guest physical addresses of the three areas
        self.descriptors = self.available = self.used = 0
        self.enabled = False
        self.next_available = self.next_used = self.signalled = 0
        self.event_index = self.indirect = False
        self._table = memoryview(b"")
        self._available = self._used = memoryview(b"").cast("H")

    def save(self) -> list[int]:
        """The state, as plain values."""
        return [getattr(self, name) for name in self.STATE]

    def restore(self, saved: Sequence[int], event_index: bool, indirect: bool) -> None:
        """Take over what `save` gave, and the negotiated features."""
        for name, value in zip(self.STATE, saved, strict=True):
            setattr(self, name, value)
        if self.enabled:
            self._map(event_index, indirect)

    def enable(self, event_index: bool, indirect: bool) -> None:
        """The driver has set the queue up, and negotiated these features. Raises DriverError where that is wrong."""
        self.enabled = False
        if not 0 < self.size <= self.limit or self.size & (self.size - 1):
            raise DriverError(f"queue {self.index}: {self.size} is no queue size")
        if self.descriptors & 15 or self.available & 1 or self.used & 3:
            raise DriverError(f"queue {self.index}: an area is not aligned")
        self._map(event_index, indirect)
        self.enabled = True

    def _map(self, event_index: bool, indirect: bool) -> None:
        self.event_index, self.indirect = event_index, indirect
        size = self.size
        self._table = self._view(self.descriptors, size * DESCRIPTOR.size)
        self._available = self._view(self.available, RING_HEADER + 2 * size + EVENT).cast("H")
        self._used = self._view(self.used, RING_HEADER + USED_ELEMENT.size * size + EVENT).cast("H")

    def _view(self, address: int, size: int) -> memoryview:
        try:
            return self.memory.view(address, size)
        except BusError:
            raise DriverError(f"queue {self.index}: no RAM holds the {size} bytes at {address:#x}") from None

    def pop(self) -> Chain | None:
        """The next request; None when there is none, and then the driver notifies of the next. Raises DriverError."""
        if not self.enabled:
            return None
        available = self._available[1]
        if available == self.next_available:
            if not self.event_index:
                return None
            self._used[RING_HEADER // 2 + self.size * USED_ELEMENT.size // 2] = available
            with _barrier:
                available = self._available[1]
            if available == self.next_available:
                return None
        if available - self.next_available & 0xFFFF > self.size:
            raise DriverError(f"queue {self.index}: the available index is {available}, after {self.next_available}")
        head = self._available[2 + (self.next_available & self.size - 1)]
        chain = self._walk(head)
        self.next_available = self.next_available + 1 & 0xFFFF
        return chain

    def _walk(self, head: int) -> Chain:
        """The chain that begins at a descriptor."""
        chain = Chain(head)
        table, count, index = self._table, self.size, head
        seen = total = 0
        inside = False
        while True:
            if index >= count:
                raise DriverError(f"queue {self.index}: descriptor {index} of {count}")
            address, length, flags, following = DESCRIPTOR.unpack_from(table, DESCRIPTOR.size * index)
            if flags & INDIRECT:
                if inside or not self.indirect or flags & NEXT or not length or length % DESCRIPTOR.size:
                    raise DriverError(f"queue {self.index}: a bad indirect descriptor ({length} bytes)")
                table, count, index, inside = self._view(address, length), length // DESCRIPTOR.size, 0, True
                continue
            seen += 1
            total += length
            if seen > self.size:
                raise DriverError(f"queue {self.index}: a chain loops, or is longer than the queue")
            if not length or total > MAX_CHAIN_BYTES:
                raise DriverError(f"queue {self.index}: a buffer of {length} bytes")
            view = self._view(address, length)
            if flags & WRITE:
                chain.writable.append(view)
                chain.ranges.append((address, length))
            elif chain.writable:
                raise DriverError(f"queue {self.index}: a buffer to read after one to write")
            else:
                chain.readable.append(view)
            if not flags & NEXT:
                return chain
            index = following

    def push(self, *done: tuple[Chain, int]) -> None:
        """Give requests back, each with how many bytes of its buffers were written. The driver sees all or none."""
        used = self._used
        for chain, written in done:
            for address, size in chain.ranges:
                self.memory.written(address, size)
            at = RING_HEADER + USED_ELEMENT.size * (self.next_used & self.size - 1)
            used[at // 2 : at // 2 + 4] = memoryview(USED_ELEMENT.pack(chain.head, written)).cast("H")
            self.next_used = self.next_used + 1 & 0xFFFF
        # one store of 16 bits, after those above: the driver may look at any time
        used[1] = self.next_used
        self.memory.written(self.used, self.used_bytes)

    @property
    def used_bytes(self) -> int:
        """Size of the used ring."""
        return RING_HEADER + USED_ELEMENT.size * self.size + EVENT

    def wants_interrupt(self) -> bool:
        """Whether the driver is to be told of what was given back since the last call."""
        old, new = self.signalled, self.next_used
        if old == new:
            return False
        self.signalled = new
        with _barrier:
            if not self.event_index:
                return not self._available[0] & NO_INTERRUPT
            event = self._available[RING_HEADER // 2 + self.size]
        return (new - event - 1 & 0xFFFF) < (new - old & 0xFFFF)
