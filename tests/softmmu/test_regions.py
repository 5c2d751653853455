"""Guest physical memory: lookup, memory, devices, loading."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.softmmu.regions import AddressSpace, BusError, Io, Ram, Region, Rom


class Echo:
    """A device that remembers accesses and reads as the offset."""

    def __init__(self) -> None:
        self.log: list[tuple[int, ...]] = []

    def read(self, offset: int, size: int) -> int:
        self.log.append((offset, size))
        return offset

    def write(self, offset: int, size: int, value: int) -> None:
        self.log.append((offset, size, value))


@pytest.fixture
def space() -> AddressSpace:
    space = AddressSpace()
    space.add(Ram("ram", 0x80000000, 4 << 20))
    space.add(Rom("rom", 0x1000, 0xF000))
    space.add(Io("uart", 0x10000000, 0x100, Echo()))
    space.add(Io("next", 0x10000100, 0x100, Echo()))
    return space


def test_ram_is_little_endian_and_shared_with_the_host(space: AddressSpace) -> None:
    space.write(0x80000008, 8, 0x1122334455667788)
    assert space.read(0x80000008, 4) == 0x55667788
    assert space.read(0x8000000F, 1) == 0x11
    ram = space.find(0x80000000)
    assert isinstance(ram, Ram)
    assert ctypes.c_uint64.from_address(ram.host + 8).value == 0x1122334455667788
    assert ram.host % (2 << 20) == 0
    assert len(ram.buffer) == ram.size


@given(offset=st.integers(0, 4088), size=st.sampled_from((1, 2, 3, 4, 7, 8)), value=st.integers(0, 2**64 - 1))
def test_what_is_written_is_read(offset: int, size: int, value: int) -> None:
    space = AddressSpace()
    space.add(Ram("ram", 0, 4096))
    space.write(offset, size, value)
    assert space.read(offset, size) == value & ((1 << 8 * size) - 1)


def test_rom_takes_a_loader_but_no_guest(space: AddressSpace) -> None:
    space.load(0x1000, b"\x13\x05\x00\x00")
    with pytest.raises(BusError):
        space.write(0x1000, 4, 0)
    assert space.read(0x1000, 4) == 0x513


def test_device_sees_offsets_and_cut_values(space: AddressSpace) -> None:
    space.write(0x10000005, 1, 0x1FF)
    assert space.read(0x10000104, 4) == 4
    first, second = space.find(0x10000000), space.find(0x10000100)
    assert isinstance(first, Io) and isinstance(second, Io)
    assert isinstance(first.device, Echo) and isinstance(second.device, Echo)
    assert first.device.log == [(5, 1, 0xFF)]
    assert second.device.log == [(4, 4)]


@pytest.mark.parametrize("address, size", [(0, 4), (0x10000, 1), (0xFFC, 8), (0xFFFE, 4), (0x803FFFFC, 8)])
def test_nothing_there(space: AddressSpace, address: int, size: int) -> None:
    with pytest.raises(BusError):
        space.read(address, size)
    with pytest.raises(BusError):
        space.write(address, size, 0)


def test_access_across_two_regions_of_one_page_is_refused(space: AddressSpace) -> None:
    space.read(0x100000FC, 4)
    with pytest.raises(BusError):
        space.read(0x100000FE, 4)


def test_loading_needs_memory_that_holds_it_all(space: AddressSpace) -> None:
    for address, size in ((0x10000000, 4), (0xFFFE, 4), (0x80000000, (4 << 20) + 1), (0x5000000, 1)):
        with pytest.raises(BusError):
            space.load(address, bytes(size))
    space.load(0x5000000, b"")


def test_overlaps_are_refused(space: AddressSpace) -> None:
    for base, size in ((0, 0x1001), (0x80000000, 1), (0xFFFF, 1), (0x0, 1 << 40), (0x100000FF, 2)):
        with pytest.raises(ValueError, match="overlaps"):
            space.add(Region("new", base, size))
    space.add(Region("between", 0x10000, 0x1000))
    assert [region.name for region in space] == ["rom", "between", "uart", "next", "ram"]


def test_bad_sizes() -> None:
    with pytest.raises(ValueError):
        Region("empty", 0, 0)
    with pytest.raises(ValueError):
        Region("beyond", (1 << 64) - 1, 2)
    with pytest.raises(OSError, match="guest memory"):
        Ram("huge", 0, 1 << 60)


def test_untouched_memory_takes_no_room() -> None:
    statm = Path("/proc/self/statm")
    before = int(statm.read_text().split()[1])
    ram = Ram("ram", 0, 1 << 36)
    ram.write((1 << 36) - 8, 8, 1)
    after = int(statm.read_text().split()[1])
    assert (after - before) * os.sysconf("SC_PAGESIZE") < 16 << 20


@pytest.mark.parametrize("at", ["ram.host - 1", "ram.host + 8192"])
def test_guard_pages_fault(at: str) -> None:
    code = f"""
import ctypes
from pytcg.softmmu.regions import Ram
ram = Ram("ram", 0, 8192)
ctypes.c_char.from_address({at}).value
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGSEGV


@given(st.integers(0, 3 * 4096), st.integers(0, 3 * 4096))
def test_clear_zeroes_a_range_and_nothing_else(start: int, size: int) -> None:
    space = AddressSpace()
    space.add(Ram("ram", 0x1000, 6 * 4096))
    space.load(0x1000, b"\xff" * 6 * 4096)
    space.clear(0x1000 + start, size)
    ram = space.find(0x1000)
    assert isinstance(ram, Ram)
    assert bytes(ram.buffer) == b"\xff" * start + bytes(size) + b"\xff" * (6 * 4096 - start - size)


def test_clear_needs_memory(space: AddressSpace) -> None:
    with pytest.raises(BusError, match="no memory"):
        space.clear(0x10000000, 16)


def test_stores_that_are_watched(space: AddressSpace) -> None:
    found: list[str] = []
    space.watch(0x80001004, 4, lambda: found.append("word"))
    space.watch(0x80001008, 8, lambda: found.append("next"))
    ram = space.find(0x80000000)
    assert isinstance(ram, Ram) and list(ram.store_map[:3]) == [0, 2, 0]
    for address, size in ((0x80001000, 4), (0x80001010, 8), (0x80000004, 4)):
        space.write(address, size, 1)
    assert found == []
    space.write(0x80001000, 8, 1)
    space.write(0x80001007, 1, 1)
    space.write(0x80001006, 4, 1)
    space.write(0x8000100F, 1, 1)
    assert found == ["word", "word", "word", "next", "next"]


@pytest.mark.parametrize("address", [0x1000, 0x10000000, 0x803FFFFC, 0])
def test_what_cannot_be_watched(space: AddressSpace, address: int) -> None:
    with pytest.raises(BusError):
        space.watch(address, 8, lambda: None)
