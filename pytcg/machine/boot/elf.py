"""Loadable parts of an ELF file (System V ABI, chapters 4 and 5).

Only the headers that a loader needs are read, and every offset in them is checked, since the file may be anything.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from pytcg.machine.boot.contents import Contents
from pytcg.machine.errors import MachineError

MAGIC = b"\x7fELF"
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
CLASS64, LITTLE_ENDIAN = 2, 1
EXECUTABLE, SHARED = 2, 3
PT_LOAD = 1
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
SHT_SYMTAB = 2
#: the symbols that a loader is interested in: the words by which a guest calls its host
SYMBOLS = ("tohost", "fromhost")

#: e_machine of guests there may be, and names of others that a user is likely to mix up with them
ARCHITECTURES = {243: "riscv64", 183: "aarch64"}
OTHERS = {3: "x86", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "ARM", 62: "x86-64", 258: "LoongArch"}


class Segment(NamedTuple):
    """Bytes of a file for a guest physical address; `size` counts the zeroes after them too."""

    address: int
    data: Contents
    size: int


@dataclass(frozen=True)
class Elf:
    """An executable: its guest physical entry and its loadable segments, and where it has those of SYMBOLS."""

    arch: str
    entry: int
    segments: tuple[Segment, ...]
    symbols: dict[str, int] = field(default_factory=dict)


def read_elf(data: Contents) -> Elf:
    """The executable in `data`. Raises MachineError where it is not a whole 64-bit little-endian one of a guest."""
    if len(data) < HEADER.size:
        raise MachineError("an ELF file cut short within its header")
    ident, kind, machine, _, entry, table, sections, _, _, entry_size, count, section_size, section_count, _ = (
        HEADER.unpack_from(data)
    )
    if ident[4] != CLASS64:
        raise MachineError("a 32-bit ELF file, and guests are 64-bit")
    if ident[5] != LITTLE_ENDIAN:
        raise MachineError("a big-endian ELF file, and guests are little-endian")
    if machine not in ARCHITECTURES:
        raise MachineError(f"an ELF file for {OTHERS.get(machine, f'machine {machine}')}, which is no guest of pytcg")
    if kind not in (EXECUTABLE, SHARED):
        raise MachineError("an ELF file that is not an executable")
    if count and (entry_size != SEGMENT.size or table + count * entry_size > len(data)):
        raise MachineError(f"an ELF file cut short within its program headers ({len(data)} bytes)")
    segments = []
    virtual_places = {"": entry}
    if section_size == SECTION.size:
        virtual_places |= _symbols(data, sections, section_count)
    places = dict(virtual_places)
    for index in range(count):
        load, _, offset, virtual, physical, size, memory, _ = SEGMENT.unpack_from(data, table + index * entry_size)
        if load != PT_LOAD or not memory:
            continue
        if offset + size > len(data):
            raise MachineError(f"an ELF file cut short: {len(data)} of at least {offset + size} bytes")
        if size > memory:
            raise MachineError("an ELF file with a segment that is larger in the file than in memory")
        segments.append(Segment(physical, data[offset : offset + size], memory))
        for name, place in virtual_places.items():
            if virtual <= place < virtual + memory:
                places[name] = place - virtual + physical
    if not segments:
        raise MachineError("an ELF file with nothing to load")
    return Elf(ARCHITECTURES[machine], places.pop(""), tuple(segments), places)


def _symbols(data: Contents, table: int, count: int) -> dict[str, int]:
    """The values of SYMBOLS as far as a symbol table has them; a damaged table is as good as none."""
    headers = data[table : table + count * SECTION.size]
    if len(headers) != count * SECTION.size:
        return {}
    rows = list(SECTION.iter_unpack(headers))
    for _, kind, _, _, offset, size, link, _, _, _ in rows:
        if kind == SHT_SYMTAB and link < count:
            # a file has no more than one such table
            return _values(data, offset, size, bytes(data[rows[link][4] : rows[link][4] + rows[link][5]]))
    return {}


def _values(data: Contents, offset: int, size: int, strings: bytes) -> dict[str, int]:
    """The values of SYMBOLS in the symbol table at an offset, whose names are in `strings`."""
    names = {strings.find(b"\0" + name.encode() + b"\0") + 1: name for name in SYMBOLS}
    names.pop(0, None)
    symbols = data[offset : offset + size // SYMBOL.size * SYMBOL.size]
    if not names or len(symbols) % SYMBOL.size:
        return {}
    return {names[row[0]]: row[4] for row in SYMBOL.iter_unpack(symbols) if row[0] in names}
