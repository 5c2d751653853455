"""CFI flash, as drivers use it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.block.image import RawImage
from pytcg.devices.cfi_flash import SECTOR, CfiFlash, Flash
from pytcg.devices.flash_image import FlashImage
from pytcg.devices.virtio.device import Host
from pytcg.softmmu.dma import Dma
from pytcg.softmmu.regions import AddressSpace, Rom
from tests.devices.fakes import FakeTime, wiring
from tests.devices.virtio_driver import Inline

BASE, SIZE = 0x20000000, 4 * SECTOR
DUAL = 0x00010001
READY = 0x80 * DUAL


def flash(writable: bool = True) -> Flash:
    bank = Flash("flash", BASE, SIZE, writable, lambda offset, size: None)
    bank.buffer[:] = b"\xff" * SIZE
    return bank


def command(bank: Flash, *values: int, at: int = 0) -> None:
    for value in values:
        bank.write(BASE + at, 4, value * DUAL)


def word(bank: Flash, at: int) -> int:
    return bank.read(BASE + at, 4)


def test_it_is_memory_until_a_command() -> None:
    bank = flash()
    assert isinstance(bank, Rom)
    assert word(bank, 8) == 0xFFFFFFFF
    assert bank.read(BASE + 1, 1) == 0xFF and bank.read(BASE, 8) == (1 << 64) - 1


def test_the_query() -> None:
    bank = flash()
    command(bank, 0x98, at=0x55 * 4)
    assert [word(bank, 4 * at) for at in (0x10, 0x11, 0x12)] == [ord(letter) * DUAL for letter in "QRY"]
    table = [word(bank, 4 * at) & 0xFF for at in range(0x40)]
    assert table[0x13] == 1
    assert 1 << table[0x27] == SIZE // 2
    assert (table[0x2D] | table[0x2E] << 8) + 1 == SIZE // SECTOR
    assert (table[0x2F] | table[0x30] << 8) * 256 * 2 == SECTOR
    assert bytes(table[0x31:0x34]) == b"PRI"
    assert word(bank, 0x1000) == 0
    command(bank, 0xFF)
    assert word(bank, 0x40) == 0xFFFFFFFF
    command(bank, 0x90)
    assert [word(bank, at) for at in (0, 4, 8, SECTOR)] == [0x89 * DUAL, 0x18 * DUAL, 0, 0x89 * DUAL]


def test_programming_clears_bits_and_erasing_sets_them() -> None:
    bank = flash()
    for value in (0x1234F0F0, 0xFFFF0FF0):
        command(bank, 0x40)
        bank.write(BASE + 0x100, 4, value)
        assert word(bank, 0) == READY
    command(bank, 0xFF)
    assert word(bank, 0x100) == 0x123400F0
    command(bank, 0x20, 0xD0, at=0x104)
    assert word(bank, 0x104) == READY
    command(bank, 0xFF)
    assert bytes(bank.buffer) == b"\xff" * SIZE


def test_a_buffered_write() -> None:
    bank = flash()
    command(bank, 0xE8, at=SECTOR)
    assert word(bank, SECTOR) == READY
    command(bank, 7, at=SECTOR)
    for number in range(8):
        bank.write(BASE + SECTOR + 4 * number, 4, number)
    command(bank, 0xD0, at=SECTOR)
    assert word(bank, SECTOR) == READY
    command(bank, 0xFF)
    assert [word(bank, SECTOR + 4 * number) for number in range(9)] == [*range(8), 0xFFFFFFFF]


@pytest.mark.parametrize(
    ("cycles", "status"),
    [((0x20, 0xFF), 0xB0), ((0xE8, 0xFFFF), 0xB0), ((0xE8, 0, 0, 0x12), 0xB0), ((0x60, 0x01), 0x80)],
)
def test_mistakes_are_in_the_status(cycles: tuple[int, ...], status: int) -> None:
    bank = flash()
    command(bank, *cycles)
    command(bank, 0x70)
    assert word(bank, 0) == status * DUAL
    command(bank, 0x50, 0x70)
    assert word(bank, 0) == READY
    command(bank, 0xFF)
    assert bytes(bank.buffer) == b"\xff" * SIZE


def test_what_is_read_only_stays() -> None:
    bank = flash(writable=False)
    bank.buffer[:] = b"\xa5" * SIZE
    command(bank, 0x40, 0, at=8)
    assert word(bank, 0) == 0x92 * DUAL
    command(bank, 0x50, 0x20, 0xD0)
    assert word(bank, 0) == 0xA2 * DUAL
    command(bank, 0xFF)
    assert bytes(bank.buffer) == b"\xa5" * SIZE


ACCESS = st.tuples(
    st.integers(0, SIZE // 8 - 1),
    st.sampled_from([1, 2, 4, 8]),
    st.one_of(st.sampled_from([0xFF, 0x90, 0x98, 0x70, 0x50, 0x40, 0x10, 0x20, 0x60, 0xE8, 0xD0]), st.integers(0, 255)),
)


@given(st.lists(ACCESS, max_size=20))
def test_whatever_is_written_a_reset_brings_it_back(accesses: list[tuple[int, int, int]]) -> None:
    bank = flash()
    for number, size, value in accesses:
        bank.write(BASE + 8 * number, size, value)
        assert 0 <= bank.read(BASE + 8 * number, size) < 1 << 8 * size
    copy = flash()
    copy.restore(bank.save())
    assert (copy.mode, copy.pending, copy.gathered) == (bank.mode, bank.pending, bank.gathered)
    contents = bytes(bank.buffer)
    bank.reset()
    assert bank.read(BASE, 8) == int.from_bytes(contents[:8], "little")


def test_what_is_programmed_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "flash.fd"
    path.write_bytes(b"\xff" * SIZE)
    host = Host(Dma(AddressSpace(), lambda *range_: None), FakeTime(), Inline)
    image = FlashImage(host, RawImage(path))
    board = wiring(FakeTime(), [], windows=[(BASE, SIZE), (BASE + SIZE, SIZE)], flashes={0: image})
    changed: list[tuple[int, int]] = []
    dma = Dma(board.memory, lambda address, size: changed.append((address, size)))
    device = CfiFlash.create(replace(board, dma=dma))
    first, second = device.banks
    command(first, 0x20, 0xD0)
    command(first, 0x40, 5, at=0x1000)
    second.write(BASE + SIZE, 4, 0x40)
    second.write(BASE + SIZE, 4, 5)
    assert changed == [(BASE, SECTOR), (BASE + 0x1000, 4), (BASE + SIZE, 4)], "translations of these are stale"
    assert device.window(0) is first and device.window(1) is second
    assert path.read_bytes()[0x1000:0x1008] == b"\5\0\5\0\xff\xff\xff\xff"
    device.reset()
    assert word(first, 0x1000) == 5 * DUAL
    image.close()


@pytest.mark.parametrize("size", [100, SIZE // 2])
def test_an_image_of_another_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "flash.fd"
    path.write_bytes(bytes(size))
    host = Host(Dma(AddressSpace(), lambda *range_: None), FakeTime(), Inline)
    image = FlashImage(host, RawImage(path, readonly=True))
    with pytest.raises(ValueError, match=f"a flash image of {size} bytes for a bank of {SIZE}"):
        CfiFlash.create(wiring(FakeTime(), [], windows=[(BASE, SIZE)], flashes={0: image}))
    image.close()
    with pytest.raises(ValueError, match="only powers of two"):
        Flash("flash", BASE, 3 * SECTOR, True, lambda offset, size: None)


def test_wide_stores_end_a_buffered_write() -> None:
    bank = flash()
    command(bank, 0xE8, 2)
    bank.write(BASE, 8, 0x1122334455667788)
    bank.write(BASE + 8, 8, 0x99AABBCCDDEEFF00)
    command(bank, 0xD0, 0xFF)
    assert (word(bank, 0), word(bank, 8), word(bank, 12)) == (0x55667788, 0xDDEEFF00, 0x99AABBCC)
