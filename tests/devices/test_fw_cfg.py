"""fw_cfg: items and files, by the data register and by DMA."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from pytcg.devices.fw_cfg import DATA, DMA_HIGH, DMA_LOW, SELECTOR, FwCfg, Item, directory
from pytcg.softmmu.dma import Dma
from pytcg.softmmu.regions import AddressSpace, BusError, Ram

RAM, SIZE = 0x80000000, 0x10000
BLOCK, BUFFER = RAM + 0x100, RAM + 0x200
ERROR, READ, SKIP, SELECT, WRITE = 1, 2, 4, 8, 16


class Board:
    def __init__(self, **files: bytes) -> None:
        self.ram = Ram("ram", RAM, SIZE)
        space = AddressSpace()
        space.add(self.ram)
        self.changed: list[tuple[int, int]] = []
        dma = Dma(space, lambda *range_: self.changed.append(range_))
        self.device = FwCfg({Item.CPUS: b"\2\0", Item.KERNEL_DATA: bytes(range(100)), **directory(files)}, dma)

    def select(self, item: int) -> None:
        self.device.write(SELECTOR, 2, int.from_bytes(item.to_bytes(2, "big"), "little"))

    def take(self, count: int, size: int = 1) -> bytes:
        return b"".join(self.device.read(DATA, size).to_bytes(size, "little") for _ in range(count))

    def transfer(self, control: int, length: int, address: int = BUFFER, halves: bool = False) -> int:
        """Control word afterwards."""
        at = BLOCK - RAM
        self.ram.buffer[at : at + 16] = struct.pack(">IIQ", control, length, address)
        swapped = BLOCK.to_bytes(8, "big")
        if halves:
            self.device.write(DMA_HIGH, 4, int.from_bytes(swapped[:4], "little"))
            self.device.write(DMA_LOW, 4, int.from_bytes(swapped[4:], "little"))
        else:
            self.device.write(DMA_HIGH, 8, int.from_bytes(swapped, "little"))
        result: int = struct.unpack_from(">I", self.ram.buffer, at)[0]
        return result

    def at(self, size: int) -> bytes:
        return bytes(self.ram.buffer[BUFFER - RAM : BUFFER - RAM + size])


@pytest.fixture
def board() -> Board:
    return Board(**{"opt/b": b"second", "opt/a": b"first"})


def test_the_signature_and_what_it_can(board: Board) -> None:
    assert board.take(4) == b"QEMU"
    board.select(Item.ID)
    assert board.take(1, 4) == b"\3\0\0\0"
    assert board.device.read(DMA_HIGH, 8).to_bytes(8, "little") == b"QEMU CFG"
    assert board.device.read(DMA_LOW, 4).to_bytes(4, "little") == b" CFG"


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_data_comes_in_order_and_ends_in_zeroes(board: Board, size: int) -> None:
    board.select(Item.KERNEL_DATA)
    assert board.take(104 // size, size) == bytes((*range(100), 0, 0, 0, 0))
    board.select(Item.KERNEL_DATA)
    assert board.take(1) == b"\0"
    board.select(0x3FFF)
    assert board.take(2) == b"\0\0"


def test_files_are_listed_by_name(board: Board) -> None:
    board.select(Item.DIRECTORY)
    assert board.take(1, 4) == b"\0\0\0\2"
    for name, data in ((b"opt/a", b"first"), (b"opt/b", b"second")):
        size, item, _, found = struct.unpack(">IHH56s", board.take(64))
        assert (size, found.rstrip(b"\0")) == (len(data), name)
        position = board.device.position
        board.select(item)
        assert board.take(size) == data
        board.select(Item.DIRECTORY)
        board.take(position)


def test_a_long_name_is_cut() -> None:
    assert directory({"opt/" + "x" * 60: b""})[Item.DIRECTORY][-56:] == b"opt/" + b"x" * 51 + b"\0"


@pytest.mark.parametrize("halves", [True, False])
def test_dma(board: Board, halves: bool) -> None:
    assert board.transfer(SELECT | READ | Item.KERNEL_DATA << 16, 10, halves=halves) == 0
    assert board.at(10) == bytes(range(10))
    assert (BUFFER, 10) in board.changed
    assert board.transfer(SKIP, 80) == 0
    board.ram.buffer[BUFFER - RAM :][:30] = b"\xff" * 30
    assert board.transfer(READ, 20) == 0
    assert board.at(30) == bytes(range(90, 100)) + bytes(10) + b"\xff" * 10
    assert board.transfer(SELECT | READ | Item.KERNEL_DATA << 16, 10, halves=halves) == 0
    assert board.at(10) == bytes(range(10))


@pytest.mark.parametrize(
    ("control", "options"),
    [
        (READ, {"address": RAM + SIZE - 4}),
        (READ, {"address": 0}),
        (READ, {"length": 0xFFFFFFFF}),
        (READ, {"address": (1 << 64) - 8}),
        (WRITE, {}),
        (WRITE | SELECT, {}),
    ],
)
def test_what_dma_refuses(board: Board, control: int, options: dict[str, Any]) -> None:
    before = bytes(board.ram.buffer[0x200:])
    assert board.transfer(control, options.pop("length", 10), **options) == ERROR
    assert bytes(board.ram.buffer[0x200:]) == before
    assert board.transfer(SELECT | READ | Item.CPUS << 16, 2) == 0


def test_a_transfer_outside_ram_is_nothing(board: Board) -> None:
    before = bytes(board.ram.buffer)
    for block in (0, 0x10100000, RAM + SIZE - 8, (1 << 64) - 1):
        board.device.write(DMA_HIGH, 8, int.from_bytes(block.to_bytes(8, "big"), "little"))
    assert bytes(board.ram.buffer) == before


def test_odd_accesses(board: Board) -> None:
    for offset, size in ((1, 2), (SELECTOR, 3), (DMA_HIGH + 2, 4), (DMA_LOW, 8)):
        with pytest.raises(BusError):
            board.device.read(offset, size)
        with pytest.raises(BusError):
            board.device.write(offset, size, 0)
    board.select(Item.CPUS)
    for offset, size in ((DATA, 1), (SELECTOR, 1), (DMA_HIGH, 1), (DMA_LOW, 2)):
        board.device.write(offset, size, 0)
    assert board.take(1) == b"\2"
    assert board.device.read(SELECTOR, 2) == 0


def test_a_transfer_beyond_the_end_is_zeroes(board: Board) -> None:
    board.ram.buffer[BUFFER - RAM :] = b"\xee" * (SIZE - (BUFFER - RAM))
    assert board.transfer(SELECT | READ | Item.KERNEL_DATA << 16, 3 * 4096) == 0
    assert board.at(3 * 4096 + 1) == bytes(range(100)) + bytes(3 * 4096 - 100) + b"\xee"
    assert board.transfer(READ, 50) == 0
    assert board.at(50) == bytes(50)
    assert (BUFFER, 100) in board.changed and (BUFFER + 100, 3 * 4096 - 100) in board.changed
