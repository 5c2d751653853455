"""Kernels are recognised by content; what is none is refused with what it is."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import given
from hypothesis import strategies as st

from pytcg.machine.boot.detect import recognise
from pytcg.machine.boot.elf import Elf, read_elf
from pytcg.machine.boot.image import Image
from pytcg.machine.errors import MachineError
from pytcg.machine.resources import resource
from tests.machine.kernels import X86_64, elf, image


def test_an_image_and_the_same_packed() -> None:
    data = image(memory=0x5000)
    found = recognise(data)
    assert found == Image("riscv64", 0x200000, data, 0x5000)
    assert recognise(gzip.compress(data)) == found


def test_an_elf_file_is_loaded_at_its_physical_addresses() -> None:
    high = 0xFFFFFFFF80000000
    data = elf(((high, 0x80200000, b"text", 0x1000), (high + 0x1000, 0x80201000, b"data", 0x2000)), high + 2)
    found = recognise(data)
    assert isinstance(found, Elf)
    assert (found.arch, found.entry) == ("riscv64", 0x80200002)
    assert [(s.address, s.data, s.size) for s in found.segments] == [
        (0x80200000, b"text", 0x1000),
        (0x80201000, b"data", 0x2000),
    ]


def test_the_symbols_of_an_elf_file_are_physical_addresses_as_its_entry_is() -> None:
    high = 0xFFFFFFFF80000000
    symbols = {"other": high, "fromhost": high + 0x40, "xtohost": high, "tohost": high + 0x48}
    data = elf(((high, 0x80200000, b"text", 0x1000),), high + 2, symbols=symbols)
    found = read_elf(data)
    assert found.symbols == {"tohost": 0x80200048, "fromhost": 0x80200040} and found.entry == 0x80200002
    table = ELFFile(io.BytesIO(data)).get_section(1)
    assert isinstance(table, SymbolTableSection)
    assert {symbol.name: symbol["st_value"] for symbol in table.iter_symbols() if symbol.name} == symbols
    assert read_elf(elf(symbols={"tohost": 5})).symbols == {"tohost": 5}
    assert read_elf(elf(symbols={})).symbols == {}


@given(st.integers(1, 248), st.integers(0, 255))
def test_a_damaged_symbol_table_is_as_good_as_none(at: int, value: int) -> None:
    data = bytearray(elf(symbols={"tohost": 0x80200040}))
    data[-at] = value
    assert set(read_elf(bytes(data)).symbols) <= {"tohost", "fromhost"}


@pytest.mark.parametrize("name", ["sbi.elf", "demo.elf"])
def test_segments_are_those_that_pyelftools_finds(name: str) -> None:
    data = resource("firmware", "images", "riscv64", name).read_bytes()
    oracle = [s for s in ELFFile(io.BytesIO(data)).iter_segments("PT_LOAD") if s["p_memsz"]]
    found = read_elf(data)
    assert [(s.address, s.data, s.size) for s in found.segments] == [
        (s["p_paddr"], s.data(), s["p_memsz"]) for s in oracle
    ]


REFUSED = [
    (b"", "an empty file"),
    (b"#!/bin/sh\n", "a script"),
    (b"hello, world" * 100, "neither an Image nor an ELF executable"),
    (gzip.compress(b"070701" + bytes(100)), "gzip of a cpio archive"),
    (gzip.compress(image())[:-9], "a gzip file cut short"),
    (gzip.compress(image())[:30] + b"\xff" * 100, "a damaged gzip file"),
    (b"\xfd7zXZ\0" + bytes(100), "packed by xz"),
    (b"MZ" + bytes(0x200) + b"HdrS", "a Linux kernel for x86"),
    (b"MZ" + bytes(0x100), "an EFI or Windows program"),
    (image(flags=1), "big-endian Image"),
    (image()[:-1], "an Image cut short: 8191 of 8192 bytes"),
    (image()[:80], "an Image cut short"),
    (image()[:100], "an Image cut short"),
    (image(pe=False)[:60], "an Image cut short within its header"),
    (elf(machine=X86_64), "an ELF file for x86-64"),
    (elf(machine=999), "an ELF file for machine 999"),
    (elf(bits=1), "a 32-bit ELF file"),
    (elf(endian=2), "a big-endian ELF file"),
    (elf(kind=1), "not an executable"),
    (elf(())[:64], "nothing to load"),
    (elf()[:40], "cut short within its header"),
    (elf()[:100], "cut short within its program headers"),
    (elf()[:-1], "an ELF file cut short: 123 of at least 124 bytes"),
    (elf(((0, 0, b"four", 2),)), "larger in the file than in memory"),
]


@pytest.mark.parametrize(("data", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_is_no_kernel_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MachineError, match=reason):
        recognise(data)


def test_a_program_of_the_host_is_refused() -> None:
    with pytest.raises(MachineError, match="an ELF file for"):
        recognise(Path(sys.executable).read_bytes())


SOUND = [image(), elf(), gzip.compress(image(), mtime=0)]


@given(
    st.sampled_from(SOUND), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4), st.integers(0)
)
def test_damaged_kernels_never_crash(sound: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(sound)
    for at, value in changes:
        data[at % len(data)] = value
    try:
        found = recognise(bytes(data[: max(len(data) - cut, 0)]))
    except MachineError as error:
        assert "\n" not in str(error)
    else:
        assert found.arch in ("riscv64", "aarch64")


def test_u_boot_is_raw_code_that_is_known() -> None:
    data = b"\x2a\x82\xae\x84" + bytes(0x100) + b"riscv,isa\0U-Boot 2023.01+dfsg-2\0"
    assert recognise(data) == Image("riscv64", 0x200000, data, len(data))
    with pytest.raises(MachineError, match="neither an Image nor"):
        recognise(data.replace(b"riscv", b"sparc"))
