"""Device registers that machine code serves without Python: a table in memory that both share.

A *cell* is a register at a guest physical address, with what machine code may do there by itself: read the value that
the device has *published*, which is what a read gives and all that it does; read guest time; *post* a write; or do one
that *drives* an interrupt line of a vCPU and does nothing else. Posted writes wait in a ring, in the order in which
they were made, until `settle`: the event loop calls it soon, and whoever comes to a device in Python calls it first. So
a device lets a register be posted only while a write to it changes nothing that is published. All else is done in
Python, with the machine's lock held.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from array import array
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

WORD = 8
PAGE = 4096
#: cells; the table is not to be more than half full
LOG_CELLS = 14
#: words of a cell, as byte offsets, and its size
KEY, READ, VALUE, WRITE, SIZES, WIDTH, WIRE, CELL = 0, 8, 16, 24, 32, 40, 48, 64
#: what READ says (0: leave it to Python): give VALUE, or guest time
READ_VALUE, READ_TIME = 1, 2
#: what WRITE says (0: leave it to Python): do nothing, put the write into the ring, or drive a line by its bit 0
WRITE_IGNORED, WRITE_POSTED, WRITE_DRIVES = 1, 2, 3
#: words of what WIRE leads to, as byte offsets: a `Wire`
REQUESTS, NEWS, ASLEEP, LINE, BITS = 0, 8, 16, 24, 32
MIX = 0x9E3779B97F4A7C15
SHIFT = 64 - LOG_CELLS
MASK = (CELL << LOG_CELLS) - 1
#: the ring, as byte offsets: a lock, entries taken and made so far, whether to ring the bell, a 1 to do that with
LOCK, TAKEN, MADE, WANTED, ONE, ENTRIES = 0, 8, 16, 24, 32, 64
#: entries of two words: byte offset of the cell, value
RING = 1 << 10
ENTRY = 16

Posted = Callable[[list[int]], None]


class Wire(NamedTuple):
    """An interrupt line of a vCPU, as machine code drives it. Addresses are of words in host memory.

    `line` takes `bits` or zero (0: the line has no level, setting it is an event); then `news` are set in the word at
    `requests`, on which the vCPU sleeps while the word at `asleep` is not zero.
    """

    requests: int
    news: int
    asleep: int
    line: int
    bits: int


class WiredLine:
    """A line that machine code may drive, too: called with the new level."""

    def __init__(self, wire: Wire, set_level: Callable[[bool], None]) -> None:
        self.wire = wire
        self.set_level = set_level

    def __call__(self, level: bool) -> None:
        self.set_level(level)


class _Words:
    """Zeroed 64-bit words."""

    def __init__(self, size: int) -> None:
        self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.words = memoryview(self._memory).cast("Q")
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))


def register_key(address: int) -> int:
    """The key of a register at a guest physical address."""
    return address * 2 + 1


def page_key(address: int) -> int:
    """The key of what a page's addresses without a register share."""
    return (address & -PAGE) * 2 + 2


class SharedRegisters:
    """The cells and the ring of one machine."""

    def __init__(self) -> None:
        self.cells = _Words(CELL << LOG_CELLS)
        self.ring = _Words(ENTRIES + ENTRY * RING)
        #: by byte offset of the cell, what does posted writes
        self._posted: dict[int, Posted] = {}
        self._wires: list[array[int]] = []
        self._count = 0
        #: becomes readable when there are posted writes
        self.bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self.bell)
        self._barrier = Lock()
        self.ring.words[ONE // WORD] = self.ring.words[WANTED // WORD] = 1

    def cell(self, key: int, sizes: tuple[int, ...]) -> int:
        """Byte offset of a new cell that answers accesses of `sizes` bytes, all of them in Python for now.

        Raises OverflowError where there is no room.
        """
        if self._count >= 1 << LOG_CELLS - 1:
            raise OverflowError("too many device registers")
        self._count += 1
        words = self.cells.words
        at = (key * MIX & (1 << 64) - 1) >> SHIFT
        while words[at * CELL // WORD]:
            at = at + 1 & (1 << LOG_CELLS) - 1
        at *= CELL
        words[(at + SIZES) // WORD] = sum(sizes)
        words[at // WORD] = key
        return at

    def publish(self, cell: int, value: int) -> None:
        """Until further notice, a read gives `value` and does nothing else."""
        words, at = self.cells.words, cell // WORD
        words[at + VALUE // WORD] = value
        words[at + READ // WORD] = READ_VALUE

    def publish_time(self, cell: int) -> None:
        """A read gives guest time."""
        self.cells.words[(cell + READ) // WORD] = READ_TIME

    def withdraw(self, cell: int) -> None:
        """Until further notice, Python does the reads."""
        self.cells.words[(cell + READ) // WORD] = 0

    def ignore(self, cell: int) -> None:
        """Writes do nothing."""
        self.cells.words[(cell + WRITE) // WORD] = WRITE_IGNORED

    def post(self, cell: int, posted: Posted, width: int) -> None:
        """Until further notice, writes of `width` bytes or more may be posted, for `posted` to do them."""
        self._posted[cell] = posted
        self.cells.words[(cell + WIDTH) // WORD] = width
        self.cells.words[(cell + WRITE) // WORD] = WRITE_POSTED

    def drive(self, cell: int, wire: Wire, width: int) -> None:
        """Writes of `width` bytes or more set a line to bit 0; reads give it from then on if the line has levels."""
        words = array("Q", wire)
        self._wires.append(words)
        self.cells.words[(cell + WIDTH) // WORD] = width
        self.cells.words[(cell + WIRE) // WORD] = words.buffer_info()[0]
        self.cells.words[(cell + WRITE) // WORD] = WRITE_DRIVES

    def value(self, cell: int) -> int:
        """What was published last, or driven since."""
        value: int = self.cells.words[(cell + VALUE) // WORD]
        return value

    def withhold(self, cell: int) -> None:
        """Until further notice, Python does the writes."""
        self.cells.words[(cell + WRITE) // WORD] = 0

    def settle(self) -> None:
        """Do what was posted. The machine's lock is held."""
        words = self.ring.words
        taken = words[TAKEN // WORD]
        while taken != words[MADE // WORD]:
            at = (ENTRIES + taken % RING * ENTRY) // WORD
            cell, values = words[at], [words[at + 1]]
            taken += 1
            while taken != words[MADE // WORD]:
                at = (ENTRIES + taken % RING * ENTRY) // WORD
                if words[at] != cell:
                    break
                values.append(words[at + 1])
                taken += 1
            words[TAKEN // WORD] = taken
            self._posted[cell](values)

    def bell_rang(self) -> None:
        """For the event loop: the bell is readable."""
        # In this order: a bell that was rung for what is wanted from here on must not be silenced.
        os.read(self.bell, WORD)
        self.ring.words[WANTED // WORD] = 1
        # Taking a lock is a barrier: whoever makes an entry that is not seen below finds that the bell is wanted.
        with self._barrier:
            self.settle()
