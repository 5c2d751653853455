"""fw_cfg: what the emulator tells firmware, by numbered items and named files, read byte by byte or by DMA.

Source: QEMU, docs/specs/fw_cfg.rst (the interface; Linux, U-Boot and EDK2 speak it).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Self

from pytcg.devices.base import Device, Wiring
from pytcg.softmmu.dma import Dma
from pytcg.softmmu.regions import BusError

DATA, SELECTOR, DMA_HIGH, DMA_LOW, END = 0, 8, 16, 20, 24
DMA_SIGNATURE = b"QEMU CFG"
#: control word, length, address of a transfer
TRANSFER = struct.Struct(">IIQ")
ERROR, READ, SKIP, SELECT, WRITE = 1, 2, 4, 8, 16
#: size, item, reserved, name
ENTRY = struct.Struct(">IHH56s")
NAME_LIMIT = 55
Contents = bytes | memoryview
TRADITIONAL_AND_DMA = 3


class Item(IntEnum):
    """Numbers of items."""

    SIGNATURE = 0x00
    ID = 0x01
    RAM_SIZE = 0x03
    NOGRAPHIC = 0x04
    CPUS = 0x05
    KERNEL_SIZE = 0x08
    INITRD_SIZE = 0x0B
    BOOT_MENU = 0x0E
    MAX_CPUS = 0x0F
    KERNEL_DATA = 0x11
    INITRD_DATA = 0x12
    CMDLINE_SIZE = 0x14
    CMDLINE_DATA = 0x15
    DIRECTORY = 0x19
    FIRST_FILE = 0x20


def directory(files: Mapping[str, Contents]) -> dict[int, Contents]:
    """The items of files, and of the directory that lists them by name."""
    items: dict[int, Contents] = {}
    entries = [struct.pack(">I", len(files))]
    for number, (name, data) in enumerate(sorted(files.items()), Item.FIRST_FILE):
        items[number] = data
        entries.append(ENTRY.pack(len(data), number, 0, os.fsencode(name)[:NAME_LIMIT]))
    return {**items, Item.DIRECTORY: b"".join(entries)}


class FwCfg(Device):
    """`items` by number; all registers are big-endian, data comes in the order of the bytes in memory."""

    compatible = ("qemu,fw-cfg-mmio",)
    sizes = (1, 2, 4, 8)
    state = ("selected", "position", "dma_high")

    def __init__(self, items: Mapping[int, Contents], dma: Dma) -> None:
        self.items: dict[int, Contents] = {
            Item.SIGNATURE: b"QEMU",
            Item.ID: TRADITIONAL_AND_DMA.to_bytes(4, "little"),
            Item.DIRECTORY: bytes(4),
            **items,
        }
        self.dma = dma
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.firmware_items, wiring.dma)

    def reset(self) -> None:
        super().reset()
        self.selected = 0
        #: how much of the selected item was read
        self.position = 0
        self.dma_high = 0

    def read(self, offset: int, size: int) -> int:
        self._check(offset, size)
        if offset < SELECTOR:
            return int.from_bytes(self._take(size), "little")
        if offset >= DMA_HIGH and offset + size <= END:
            start = offset - DMA_HIGH
            return int.from_bytes(DMA_SIGNATURE[start : start + size], "little")
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        self._check(offset, size)
        number = int.from_bytes(value.to_bytes(size, "little"), "big")
        if offset == SELECTOR and size == 2:
            self._select(number)
        elif offset == DMA_HIGH and size == 8:
            self._transfer(number)
        elif offset == DMA_HIGH and size == 4:
            self.dma_high = number
        elif offset == DMA_LOW and size == 4:
            self._transfer(self.dma_high << 32 | number)
            self.dma_high = 0

    def _check(self, offset: int, size: int) -> None:
        if size not in self.sizes or offset & (size - 1):
            raise BusError(f"fw_cfg: no access of {size} bytes at {offset:#x}")

    def _select(self, item: int) -> None:
        self.selected = item
        self.position = 0

    def _take(self, size: int) -> bytes:
        """The next bytes of the selected item; zeroes after its end."""
        data = self.items.get(self.selected, b"")[self.position : self.position + size]
        self.position = min(self.position + size, 1 << 32)
        return bytes(data).ljust(size, b"\0")

    def _transfer(self, block: int) -> None:
        """Do the transfer that the words at a guest physical address ask for, and say there how it went."""
        try:
            control, length, address = TRANSFER.unpack(self.dma.read(block, TRANSFER.size))
        except BusError:
            # nothing is there that could be answered
            return
        if control & SELECT:
            self._select(control >> 16)
        result = 0
        if control & READ:
            result = self._read_to(address, length)
        elif control & WRITE:
            # no item can be written
            result = ERROR
        elif control & SKIP:
            self.position = min(self.position + length, 1 << 32)
        self.dma.write(block, struct.pack(">I", result))

    def _read_to(self, address: int, length: int) -> int:
        try:
            view = self.dma.view(address, length)
        except BusError:
            return ERROR
        data = self.items.get(self.selected, b"")[self.position : self.position + length]
        view[: len(data)] = data
        self.dma.written(address, len(data))
        self.dma.clear(address + len(data), length - len(data))
        self.position = min(self.position + length, 1 << 32)
        return 0
