"""Loadable parts of an ELF file (System V ABI, chapters 4 and 5).

Only the headers that a loader needs are read, and every offset in them is checked, since the file may be anything.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pytcg.machine.boot.contents import Contents
from pytcg.machine.errors import MachineError

MAGIC = b"\x7fELF"
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
CLASS64, LITTLE_ENDIAN = 2, 1
EXECUTABLE, SHARED = 2, 3
PT_LOAD = 1

#: e_machine of guests there may be, and names of others that a user is likely to mix up with them
ARCHITECTURES = {243: "riscv64", 183: "aarch64"}
OTHERS = {3: "x86", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "ARM", 62: "x86-64", 258: "LoongArch"}


@dataclass(frozen=True)
class Segment:
    """Bytes of a file for a guest physical address; `size` counts the zeroes after them too."""

    address: int
    data: Contents
    size: int


@dataclass(frozen=True)
class Elf:
    """An executable: its guest physical entry and its loadable segments."""

    arch: str
    entry: int
    segments: tuple[Segment, ...]


def read_elf(data: Contents) -> Elf:
    """The executable in `data`. Raises MachineError where it is not a whole 64-bit little-endian one of a guest."""
    if len(data) < HEADER.size:
        raise MachineError("an ELF file cut short within its header")
    ident, kind, machine, _, entry, table, _, _, _, entry_size, count, _, _, _ = HEADER.unpack_from(data)
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
    physical_entry = entry
    for index in range(count):
        load, _, offset, virtual, physical, size, memory, _ = SEGMENT.unpack_from(data, table + index * entry_size)
        if load != PT_LOAD or not memory:
            continue
        if offset + size > len(data):
            raise MachineError(f"an ELF file cut short: {len(data)} of at least {offset + size} bytes")
        if size > memory:
            raise MachineError("an ELF file with a segment that is larger in the file than in memory")
        segments.append(Segment(physical, data[offset : offset + size], memory))
        if virtual <= entry < virtual + memory:
            physical_entry = entry - virtual + physical
    if not segments:
        raise MachineError("an ELF file with nothing to load")
    return Elf(ARCHITECTURES[machine], physical_entry, tuple(segments))
