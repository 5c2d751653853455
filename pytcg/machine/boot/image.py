"""Linux kernels as `Image`: a flat binary with a header.

Source: Linux, Documentation/arch/riscv/boot-image-header.rst and Documentation/arch/arm64/booting.rst; PE/COFF for the
sizes of kernels that have an EFI stub.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from pytcg.machine.boot.contents import Contents
from pytcg.machine.errors import MachineError

HEADER_SIZE = 64
BIG_ENDIAN = 1
#: architecture by the magic at its offset
MAGICS = {"riscv64": (56, b"RSC\x05"), "aarch64": (56, b"ARM\x64")}

PE_POINTER = 60
PE_MAGIC = b"PE\0\0"
PE_HEADER = struct.Struct("<4sHHIIIHH")
PE_SECTION_SIZE = 40


class Image(NamedTuple):
    """A flat kernel: where it goes relative to the start of RAM (modulo 2 MiB), its bytes, and the memory it claims."""

    arch: str
    text_offset: int
    data: Contents
    size: int


def image_architecture(data: Contents) -> str | None:
    """The architecture of an Image header; None where there is no such header."""
    for arch, (offset, magic) in MAGICS.items():
        if data[offset : offset + len(magic)] == magic:
            return arch
    return None


def read_image(arch: str, data: Contents) -> Image:
    """The Image in `data`. Raises MachineError where it is cut short or big-endian."""
    if len(data) < HEADER_SIZE:
        raise MachineError("an Image cut short within its header")
    text_offset, size, flags = struct.unpack_from("<QQQ", data, 8)
    if flags & BIG_ENDIAN:
        raise MachineError("a big-endian Image, and guests are little-endian")
    whole = _pe_file_size(data)
    if len(data) < whole:
        raise MachineError(f"an Image cut short: {len(data)} of {whole} bytes")
    # the size is zero in very old kernels: the file is then all there is to go by
    return Image(arch, text_offset, data, max(size, len(data)))


def _pe_file_size(data: Contents) -> int:
    """Bytes of the file by the section table of the PE header that kernels with an EFI stub have; 0 without one."""
    if data[:2] != b"MZ":
        return 0
    at = int.from_bytes(data[PE_POINTER : PE_POINTER + 4], "little")
    if at == 0:
        return 0
    if at + PE_HEADER.size > len(data):
        return at + PE_HEADER.size
    magic, _, sections, _, _, _, optional_size, _ = PE_HEADER.unpack_from(data, at)
    if magic != PE_MAGIC:
        return 0
    table = at + PE_HEADER.size + optional_size
    end: int = table + sections * PE_SECTION_SIZE
    if end > len(data):
        return end
    for index in range(sections):
        raw_size, raw_at = struct.unpack_from("<II", data, table + index * PE_SECTION_SIZE + 16)
        end = max(end, raw_at + raw_size)
    return end
