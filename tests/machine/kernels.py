"""Makes small kernels for tests: Images and ELF files."""

from __future__ import annotations

import struct

RISCV, X86_64 = 243, 62


def image(size: int = 0x2000, text_offset: int = 0x200000, pe: bool = True, flags: int = 0, memory: int = 0) -> bytes:
    """A riscv Image of `size` bytes, with a PE header whose one section is all after the headers."""
    data = bytearray(size)
    struct.pack_into("<QQQ", data, 8, text_offset, memory or size, flags)
    data[48:60] = b"RISCV\0\0\0RSC\x05"
    if pe:
        data[:2] = b"MZ"
        struct.pack_into("<I", data, 60, 64)
        struct.pack_into("<4sHHIIIHH", data, 64, b"PE\0\0", 0x5064, 1, 0, 0, 0, 0, 0)
        struct.pack_into("<8sIIII", data, 88, b".text", size - 0x1000, 0x1000, size - 0x1000, 0x1000)
    return bytes(data)


def elf(
    segments: tuple[tuple[int, int, bytes, int], ...] = ((0x80200000, 0x80200000, b"code", 0x1000),),
    entry: int = 0x80200000,
    machine: int = RISCV,
    bits: int = 2,
    endian: int = 1,
    kind: int = 2,
    symbols: dict[str, int] | None = None,
) -> bytes:
    """An ELF file; a segment is (virtual, physical, bytes, size in memory)."""
    ident = b"\x7fELF" + bytes((bits, endian, 1)) + bytes(9)
    at = 64 + 56 * len(segments)
    table = body = b""
    for virtual, physical, data, size in segments:
        table += struct.pack("<IIQQQQQQ", 1, 7, at + len(body), virtual, physical, len(data), size, 0x1000)
        body += data
    sections = b""
    if symbols is not None:
        names, rows = b"\0", bytes(24)
        for name, value in symbols.items():
            rows += struct.pack("<IBBHQQ", len(names), 0x11, 0, 1, value, 8)
            names += name.encode() + b"\0"
        place = at + len(body)
        body += rows + names
        for kind_of, offset, size, link in (
            (0, 0, 0, 0),
            (2, place, len(rows), 2),
            (3, place + len(rows), len(names), 0),
        ):
            sections += struct.pack("<IIQQQQIIQQ", 0, kind_of, 0, 0, offset, size, link, 1, 8, 24)
    where = (at + len(body), 64, 3) if sections else (0, 0, 0)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, kind, machine, 1, entry, 64, where[0], 0, 64, 56, len(segments), *where[1:], 0
    )
    return header + table + body + sections
