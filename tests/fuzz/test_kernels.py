"""Files that are handed over as kernels and firmware: ELF, Image, gzip, and what only looks like them."""

from __future__ import annotations

import gzip
import struct
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytcg.machine.boot import riscv
from pytcg.machine.boot.detect import recognise
from pytcg.machine.boot.elf import HEADER, SECTION, SEGMENT, SYMBOL
from pytcg.machine.boot.files import Loaded, Payload
from pytcg.machine.boot.layout import Layout
from pytcg.machine.errors import MachineError
from tests.fuzz.values import RAM, RAM_SIZE, damaged, numbers, refused_in_one_line
from tests.machine.kernels import elf, image

SOUND = (image(), image(pe=False), elf(), elf(symbols={"tohost": RAM, "fromhost": RAM + 8}))
PT_LOAD, SHT_SYMTAB = 1, 2


def load(data: bytes) -> Layout:
    """What lies where when a file is started as a kernel."""
    layout = Layout(RAM, RAM + RAM_SIZE)
    code = recognise(data)
    riscv.place(Payload("riscv64", None, Loaded("the kernel", code)), layout, 0x1000, 0, lambda initrd: bytes(4096))
    return layout


def check(data: bytes) -> None:
    """A file is refused in one line, or all of it has a place in memory of its own."""
    with refused_in_one_line():
        pieces = sorted(load(data).pieces[:-1], key=lambda piece: piece.address)
        for piece in pieces:
            assert RAM <= piece.address <= piece.end <= RAM + RAM_SIZE
            assert len(piece.data) <= piece.size
        assert all(one.end <= other.address for one, other in pairwise(pieces))


def random_elf(data: st.DataObject) -> bytes:
    """A file whose header is right, and whose tables say anything."""
    wild = numbers(64)
    count, sections = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 3))
    at = HEADER.size
    tables = b""
    for _ in range(count):
        kind = data.draw(st.sampled_from((PT_LOAD, PT_LOAD, PT_LOAD, 0, 6)))
        tables += SEGMENT.pack(kind, 7, *(data.draw(wild) for _ in range(6)))
    for _ in range(sections):
        kind = data.draw(st.sampled_from((SHT_SYMTAB, SHT_SYMTAB, 3)))
        link = data.draw(st.integers(0, sections))
        tables += SECTION.pack(0, kind, *(data.draw(wild) for _ in range(4)), link, 0, 8, SYMBOL.size)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    table_at, sections_at = (data.draw(st.one_of(st.just(place), wild)) for place in (at, at + SEGMENT.size * count))
    sizes = (SEGMENT.size, count, SECTION.size, sections, 0)
    header = HEADER.pack(ident, 2, 243, 1, data.draw(wild), table_at, sections_at, 0, HEADER.size, *sizes)
    return header + tables + b"\0tohost\0fromhost\0" + bytes(100)


@given(st.data())
def test_elf_files_that_say_anything(data: st.DataObject) -> None:
    check(random_elf(data))


@given(st.sampled_from(SOUND).flatmap(damaged))
def test_damaged_kernels(data: bytes) -> None:
    check(data)


@given(st.sampled_from(SOUND).map(lambda data: gzip.compress(data, 1, mtime=0)).flatmap(damaged))
def test_damaged_gzip_files(data: bytes) -> None:
    check(data)


@given(st.binary(max_size=200))
@example(b"")
def test_what_is_no_kernel(data: bytes) -> None:
    check(data)


@given(*(numbers(64) for _ in range(3)))
@example(0, 1 << 63, 0)
@example((1 << 64) - 1, (1 << 64) - 1, 0)
def test_images_that_say_anything(text_offset: int, size: int, flags: int) -> None:
    data = bytearray(image())
    struct.pack_into("<QQQ", data, 8, text_offset, size, flags)
    check(bytes(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (elf(bits=1), "32-bit"),
        (elf(endian=2), "big-endian"),
        (elf(machine=62), "for x86-64"),
        (elf(machine=0xFFFF), "machine 65535"),
        (elf(kind=1), "not an executable"),
        (elf(((RAM, RAM, b"code", 1 << 63),)), "not enough memory"),
        (elf(((RAM, (1 << 64) - 1, b"code", (1 << 64) - 1),)), "not enough memory"),
        (elf(((RAM, RAM, b"code", 8), (RAM, RAM + 7, b"more", 8))), "overlaps"),
        (elf(((RAM, 0, b"code", 8),)), "belongs at 0x0"),
        *((elf()[:size], "cut short") for size in (4, 63, 64, 100, len(elf()) - 1)),
    ],
)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MachineError, match=reason):
        load(data)


def test_as_many_segments_as_there_can_be() -> None:
    """Each is compared with its neighbours, not with all."""
    count = 0xFFFF
    segments = b"".join(SEGMENT.pack(PT_LOAD, 7, 0, 0, RAM + 2 * n, 1, 1, 0) for n in range(count))
    header = bytearray(elf(())[: HEADER.size])
    struct.pack_into("<H", header, 56, count)
    layout = load(header + segments)
    assert len(layout.pieces) == count + 2


def test_as_many_symbol_tables_as_there_can_be() -> None:
    """A file has one, and one is read."""
    data = bytearray(elf(symbols={"tohost": RAM}))
    count, end = 0xFFFF, len(data)
    sections_at = struct.unpack_from("<Q", data, 40)[0]
    name = data.index(b"\0tohost\0")
    names = SECTION.pack(0, 3, 0, 0, name, 8, 0, 0, 0, 0)
    symbols = SECTION.pack(0, SHT_SYMTAB, 0, 0, 0, end, 0, 0, 0, SYMBOL.size)
    del data[sections_at:]
    data += names + symbols * (count - 1)
    struct.pack_into("<Q", data, 40, len(data) - count * SECTION.size)
    struct.pack_into("<HH", data, 58, SECTION.size, count)
    recognise(bytes(data))
