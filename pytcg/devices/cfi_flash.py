"""Parallel NOR flash with the Intel command set: two 16-bit chips beside each other on a bus of 32 bits.

Source: JEDEC JESD68.01 (Common Flash Interface), JEP137 (command sets), and Intel's StrataFlash P30 data sheet for the
commands and the status register. Both chips are given the same command at once, as drivers do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

from pytcg.devices.base import Device, Wiring
from pytcg.devices.flash_image import FlashImage
from pytcg.softmmu.regions import Region, Rom

BANK_WIDTH = 4
CHIPS = 2
SECTOR = 256 << 10
#: bytes that one buffered write programs at most
WRITE_BUFFER = 2048

READ_ARRAY, READ_ID, READ_QUERY, READ_STATUS, CLEAR_STATUS = 0xFF, 0x90, 0x98, 0x70, 0x50
PROGRAM, PROGRAM_ALTERNATE, ERASE, LOCK, WRITE_TO_BUFFER, CONFIRM = 0x40, 0x10, 0x20, 0x60, 0xE8, 0xD0
#: bits of the status register
READY, ERASE_ERROR, PROGRAM_ERROR, LOCKED = 0x80, 0x20, 0x10, 0x02
MANUFACTURER, DEVICE = 0x89, 0x18


def query_table(size: int) -> bytes:
    """What each chip answers to a query, a byte a word (JESD68.01, section 3)."""
    chip_size, sector, buffer = size // CHIPS, SECTOR // CHIPS, WRITE_BUFFER // CHIPS
    table = bytearray(0x40)
    table[0x10:0x17] = b"QRY\x01\x00\x31\x00"
    # supply voltages, then log2 of typical and maximal times of programming and erasing
    table[0x1B:0x27] = bytes((0x45, 0x55, 0, 0, 7, 7, 10, 0, 4, 4, 4, 0))
    table[0x27] = chip_size.bit_length() - 1
    table[0x28:0x2A] = b"\x01\x00"
    table[0x2A:0x2C] = (buffer.bit_length() - 1).to_bytes(2, "little")
    # one region of sectors of the same size
    table[0x2C] = 1
    table[0x2D:0x2F] = (chip_size // sector - 1).to_bytes(2, "little")
    table[0x2F:0x31] = (sector // 256).to_bytes(2, "little")
    table[0x31:0x40] = b"PRI10" + bytes(10)
    return bytes(table)


class Flash(Rom):
    """One bank: memory that reads as it is, until a command makes it answer otherwise.

    `changed` is told of the offset and size of what was programmed or erased; a bank that is not `writable` reports an
    error instead.
    """

    def __init__(self, name: str, base: int, size: int, writable: bool, changed: Callable[[int, int], None]) -> None:
        if size % SECTOR or size & (size - 1):
            raise ValueError(f"flash of {size:#x} bytes: only powers of two from {SECTOR:#x} on are made")
        super().__init__(name, base, size)
        self.writable = writable
        self.changed = changed
        self.query = query_table(size)
        self.reset()

    def reset(self) -> None:
        """Reads give the contents again."""
        self.mode = READ_ARRAY
        self.status = READY
        #: the command whose next cycle is expected
        self.pending = 0
        #: of a buffered write: bytes that are still to come, and those that came, by offset
        self.expected = 0
        self.gathered: list[tuple[int, bytes]] = []

    def save(self) -> dict[str, Any]:
        """The state, with the contents."""
        names = ("mode", "status", "pending", "expected", "gathered")
        return {**{name: getattr(self, name) for name in names}, "contents": bytes(self.buffer)}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `save` gave."""
        values = dict(saved)
        self.buffer[:] = values.pop("contents")
        for name, value in values.items():
            setattr(self, name, value)

    def read(self, address: int, size: int) -> int:
        if self.mode == READ_ARRAY:
            return super().read(address, size)
        offset = address - self.base
        return int.from_bytes(bytes(self._answer(offset + at) for at in range(size)), "little")

    def _answer(self, offset: int) -> int:
        """The byte at an offset while commands are answered: each chip's low byte, and zero for its high byte."""
        if offset & 1:
            return 0
        word = offset // BANK_WIDTH
        if self.mode == READ_STATUS:
            return self.status
        if self.mode == READ_QUERY:
            return self.query[word] if word < len(self.query) else 0
        # of a sector: manufacturer, device, and that it is not locked
        return (MANUFACTURER, DEVICE, 0)[word % (SECTOR // BANK_WIDTH)] if word % (SECTOR // BANK_WIDTH) < 3 else 0

    def write(self, address: int, size: int, value: int) -> None:
        offset = address - self.base
        value &= (1 << 8 * size) - 1
        command, pending = value & 0xFF, self.pending
        if not pending:
            self._command(command)
        elif pending == WRITE_TO_BUFFER:
            self._gather(offset, size, value)
        else:
            self.pending = 0
            self.mode = READ_STATUS
            if pending == PROGRAM:
                self._program([(offset, value.to_bytes(size, "little"))])
            elif pending == ERASE and command == CONFIRM:
                self._erase(offset)
            elif pending == ERASE:
                self.status |= ERASE_ERROR | PROGRAM_ERROR

    def _command(self, command: int) -> None:
        if command in (READ_ARRAY, READ_ID, READ_QUERY, READ_STATUS):
            self.mode = command
        elif command == CLEAR_STATUS:
            self.status = READY
        elif command in (PROGRAM, PROGRAM_ALTERNATE, ERASE, LOCK, WRITE_TO_BUFFER):
            self.pending = PROGRAM if command == PROGRAM_ALTERNATE else command
            self.expected = -1
            self.gathered = []
            self.mode = READ_STATUS
        else:
            self.mode = READ_ARRAY

    def _gather(self, offset: int, size: int, value: int) -> None:
        """A cycle of a buffered write: the count of words less one, then the data, then the confirmation."""
        if self.expected < 0:
            self.expected = ((value & 0xFFFF) + 1) * BANK_WIDTH
            if self.expected <= WRITE_BUFFER:
                return
        elif self.expected > 0:
            self.gathered.append((offset, value.to_bytes(size, "little")))
            self.expected = max(self.expected - size, 0)
            return
        elif value & 0xFF == CONFIRM:
            self._program(self.gathered)
            self.pending = 0
            return
        self.pending = 0
        self.status |= ERASE_ERROR | PROGRAM_ERROR

    def _program(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Clear bits; only erasing sets them."""
        if not self.writable:
            self.status |= PROGRAM_ERROR | LOCKED
            return
        for offset, data in pieces:
            end = offset + len(data)
            old = self.buffer[offset:end]
            self.buffer[offset:end] = bytes(a & b for a, b in zip(old, data, strict=True))
            self.changed(offset, len(data))

    def _erase(self, offset: int) -> None:
        if not self.writable:
            self.status |= ERASE_ERROR | LOCKED
            return
        start = offset & -SECTOR
        self.buffer[start : start + SECTOR] = b"\xff" * SECTOR
        self.changed(start, SECTOR)


class CfiFlash(Device):
    """A bank for each window of the node, each on an image, or without one empty and gone at the end."""

    compatible = ("cfi-flash",)
    state = ("bank_states",)

    def __init__(
        self,
        name: str,
        windows: Sequence[tuple[int, int]],
        images: Sequence[FlashImage | None],
        written: Callable[[int, int], None],
    ) -> None:
        """`written` is told of the guest physical address and size of what changes."""
        self.banks = []
        for (base, size), image in zip(windows, images, strict=True):
            writable = image is None or not image.readonly
            bank = Flash(name, base, size, writable, partial(_changed, base, image, written))
            if image:
                image.load(bank.buffer)
            self.banks.append(bank)
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(
            "flash",
            wiring.windows,
            [wiring.flashes.get(unit) for unit in range(len(wiring.windows))],
            wiring.dma.written,
        )

    def window(self, number: int) -> Region:
        return self.banks[number]

    def reset(self) -> None:
        super().reset()
        for bank in self.banks:
            bank.reset()

    @property
    def bank_states(self) -> list[dict[str, Any]]:
        """The state of each bank."""
        return [bank.save() for bank in self.banks]

    @bank_states.setter
    def bank_states(self, saved: list[dict[str, Any]]) -> None:
        for bank, state in zip(self.banks, saved, strict=True):
            bank.restore(state)


def _changed(base: int, image: FlashImage | None, written: Callable[[int, int], None], offset: int, size: int) -> None:
    """What follows from a change of a bank's contents."""
    written(base + offset, size)
    if image:
        image.changed(offset, size)
