"""A virtio driver in Python, which keeps the rules or breaks them, and the machine around the device."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from pytcg.devices.virtio.device import DRIVER_OK, FEATURES_OK, Host, VirtioDevice
from pytcg.devices.virtio_mmio import VirtioMmio
from pytcg.softmmu.dma import Dma
from pytcg.softmmu.regions import AddressSpace, Io, Ram
from tests.devices.fakes import FakeLine, FakeTime

MAGIC, VERSION, ID, FEATURES, FEATURES_SEL, CHOSEN, CHOSEN_SEL, PAGE_SIZE = 0x0, 0x4, 0x8, 0x10, 0x14, 0x20, 0x24, 0x28
SEL, NUM_MAX, NUM, ALIGN, PFN, READY, NOTIFY, ISR, ACK, STATUS = (
    0x30, 0x34, 0x38, 0x3C, 0x40, 0x44, 0x50, 0x60, 0x64, 0x70,
)  # fmt: skip
AREAS, GENERATION, CONFIG = 0x80, 0xFC, 0x100
NEXT, WRITE, INDIRECT = 1, 2, 4
RAM = 0x80000000
RAM_SIZE = 1 << 20
SLOT = 0x10001000
QUEUE = RAM + 0x1000
BUFFERS = RAM + 0x10000

Descriptor = tuple[int, int, int, int]
#: chains that break a rule, with indirect descriptors agreed on
HOSTILE: dict[str, tuple[Descriptor, ...]] = {
    "a loop": ((BUFFERS, 8, WRITE | NEXT, 0),),
    "a loop of two": ((BUFFERS, 8, WRITE | NEXT, 1), (BUFFERS, 8, WRITE | NEXT, 0)),
    "zero length": ((BUFFERS, 0, WRITE, 0),),
    "a next that is none": ((BUFFERS, 8, WRITE | NEXT, 8),),
    "to read after to write": ((BUFFERS, 8, WRITE | NEXT, 1), (BUFFERS, 8, 0, 0)),
    "nothing to write": ((BUFFERS, 8, 0, 0),),
    "below RAM": ((0, 8, WRITE, 0),),
    "across the end of RAM": ((RAM + RAM_SIZE - 4, 8, WRITE, 0),),
    "behind RAM": ((RAM + RAM_SIZE, 8, WRITE, 0),),
    "around the end of addresses": (((1 << 64) - 4, 8, WRITE, 0),),
    "the largest": ((BUFFERS, 0xFFFFFFFF, WRITE, 0),),
    "the device's own registers": ((SLOT, 8, WRITE, 0),),
    "indirect of no bytes": ((BUFFERS, 0, INDIRECT, 0),),
    "indirect of half a descriptor": ((BUFFERS, 24, INDIRECT, 0),),
    "indirect outside RAM": ((16, 16, INDIRECT, 0),),
    "indirect in registers": ((SLOT, 16, INDIRECT, 0),),
    "indirect and more": ((BUFFERS, 16, INDIRECT | NEXT, 0),),
    "indirect in indirect": ((QUEUE, 16, INDIRECT, 0),),
}


class Inline:
    """A group of work that is done at once."""

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        done(work())

    def abandon(self) -> None:
        """Nothing is ever under way."""


class Bench:
    """A device in a slot, RAM, and a driver of one queue."""

    def __init__(self, make: Callable[[Host], VirtioDevice], legacy: bool = False, work: Any = Inline) -> None:
        self.line = FakeLine()
        self.space = AddressSpace()
        self.ram = Ram("ram", RAM, RAM_SIZE)
        self.space.add(self.ram)
        self.changed: list[tuple[int, int]] = []
        dma = Dma(self.space, lambda address, size: self.changed.append((address, size)))
        self.device = make(Host(dma, FakeTime(), work))
        self.legacy = legacy
        self.mmio = VirtioMmio(self.line, self.device, legacy)
        self.space.add(Io("slot", SLOT, 0x200, self.mmio))

    def read(self, register: int, size: int = 4) -> int:
        return self.mmio.read(register, size)

    def write(self, register: int, value: int, size: int = 4) -> None:
        self.mmio.write(register, size, value)

    def peek(self, address: int, size: int) -> bytes:
        return bytes(self.ram.buffer[address - RAM : address - RAM + size])

    def poke(self, address: int, data: bytes) -> None:
        self.ram.buffer[address - RAM : address - RAM + len(data)] = data

    def offered(self) -> int:
        halves = []
        for half in (0, 1):
            self.write(FEATURES_SEL, half)
            halves.append(self.read(FEATURES))
        return halves[0] | halves[1] << 32

    def start(self, features: int = 0, size: int = 8, queue: int = 0) -> None:
        """Negotiate, set a queue up at QUEUE, and say DRIVER_OK."""
        self.write(STATUS, 0)
        self.write(STATUS, 1)
        self.write(STATUS, 3)
        for half in (0, 1):
            self.write(CHOSEN_SEL, half)
            self.write(CHOSEN, features >> 32 * half & 0xFFFFFFFF)
        if not self.legacy:
            self.write(STATUS, 3 | FEATURES_OK)
        self.set_up(queue, size)
        self.write(STATUS, 3 | DRIVER_OK | (0 if self.legacy else FEATURES_OK))

    def set_up(self, queue: int, size: int) -> None:
        """Give the device an empty queue at QUEUE."""
        self.queue, self.size = queue, size
        self.next = self.seen = 0
        self.poke(QUEUE, bytes(0x4000))
        self.available = QUEUE + 16 * size
        self.used = QUEUE + (16 * size + 6 + 2 * size + 4095 & -4096)
        self.write(SEL, queue)
        self.write(NUM, size)
        if self.legacy:
            self.write(PAGE_SIZE, 4096)
            self.write(ALIGN, 4096)
            self.write(PFN, QUEUE >> 12)
            return
        for number, address in enumerate((QUEUE, self.available, self.used)):
            self.write(AREAS + 16 * number, address & 0xFFFFFFFF)
            self.write(AREAS + 16 * number + 4, address >> 32)
        self.write(READY, 1)

    def describe(self, *descriptors: Descriptor, table: int = QUEUE, first: int = 0) -> None:
        """Write descriptors (address, length, flags, next)."""
        self.poke(table + 16 * first, b"".join(struct.pack("<QIHH", *one) for one in descriptors))

    def offer(self, head: int) -> None:
        """Make a chain available."""
        self.poke(self.available + 4 + 2 * (self.next % self.size), struct.pack("<H", head))
        self.next = self.next + 1 & 0xFFFF
        self.poke(self.available + 2, struct.pack("<H", self.next))

    def notify(self) -> None:
        self.write(NOTIFY, self.queue)

    def send(self, *buffers: bytes | int, indirect: bool = False) -> int:
        """One chain, bytes to read or an int of bytes of room each, made available; the address of the first buffer."""
        at = BUFFERS
        rows: list[Descriptor] = []
        for number, buffer in enumerate(buffers):
            size = buffer if isinstance(buffer, int) else len(buffer)
            if isinstance(buffer, bytes):
                self.poke(at, buffer)
            flags = (WRITE if isinstance(buffer, int) else 0) | (NEXT if number + 1 < len(buffers) else 0)
            rows.append((at, size, flags, number + 1))
            at += size
        if indirect:
            self.describe(*rows, table=at + 15 & -16)
            rows = [(at + 15 & -16, 16 * len(rows), INDIRECT, 0)]
        self.describe(*rows)
        self.offer(0)
        self.notify()
        return BUFFERS

    def done(self) -> list[tuple[int, int]]:
        """(head, length) of the chains given back since the last call."""
        index = struct.unpack("<H", self.peek(self.used + 2, 2))[0]
        found = []
        while self.seen != index:
            found.append(struct.unpack("<II", self.peek(self.used + 4 + 8 * (self.seen % self.size), 8)))
            self.seen = self.seen + 1 & 0xFFFF
        return found
