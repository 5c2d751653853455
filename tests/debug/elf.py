"""An ELF executable with one segment and one symbol."""

from __future__ import annotations

import struct

RISCV, PT_LOAD, SHT_SYMTAB, SHT_STRTAB, FUNCTION = 243, 1, 2, 3, 2


def with_symbol(name: str, address: int, code: bytes) -> bytes:
    """`code` at an address, where it starts, and `name` for its first byte."""
    strings = b"\0" + name.encode() + b"\0"
    code_at = 64 + 56
    symbols_at = code_at + len(code)
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, FUNCTION, 0, 1, address, len(code))
    strings_at = symbols_at + len(symbols)
    sections_at = strings_at + len(strings)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(b"\x7fELF\x02\x01\x01", 2, RISCV, 1, address, 64, sections_at, 0, 64, 56, 1, 64, 3, 0),
    )
    segment = struct.pack("<IIQQQQQQ", PT_LOAD, 5, code_at, address, address, len(code), len(code), 1)
    section = "<IIQQQQIIQQ"
    sections = (
        bytes(64)
        + struct.pack(section, 0, SHT_SYMTAB, 0, 0, symbols_at, len(symbols), 2, 0, 8, 24)
        + struct.pack(section, 0, SHT_STRTAB, 0, 0, strings_at, len(strings), 0, 0, 1, 0)
    )
    return header + segment + code + symbols + strings + sections
