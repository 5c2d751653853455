"""The symbols of the files that a machine starts from, for logs (System V ABI, chapter 4, Symbol Table)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytcg.machine.boot.elf import HEADER, MAGIC, SECTION, SHT_SYMTAB, SYMBOL
from pytcg.machine.options import Options

#: functions, and labels of assembly code, whose type is not said
STT_NOTYPE, STT_FUNC = 0, 2


def read_symbols(options: Options) -> list[tuple[int, str]]:
    """(address, name) of the functions in the ELF files among kernel, firmware and loaders."""
    paths = [options.kernel, None if options.bios in ("default", "none") else Path(options.bios)]
    found: list[tuple[int, str]] = []
    for path in (*paths, *(loader.file for loader in options.loaders)):
        if path is not None and path.is_file():
            found += _symbols(path.read_bytes())
    return found


def _symbols(data: bytes) -> Iterator[tuple[int, str]]:
    """Those of one file; none where it is no whole ELF file."""
    if len(data) < HEADER.size or data[:4] != MAGIC:
        return
    header = HEADER.unpack_from(data)
    table, size, count = header[6], header[11], header[12]
    headers = data[table : table + count * SECTION.size]
    if size != SECTION.size or len(headers) != count * SECTION.size:
        return
    rows = list(SECTION.iter_unpack(headers))
    for _, kind, _, _, offset, length, link, _, _, _ in rows:
        if kind != SHT_SYMTAB or link >= count:
            continue
        strings = data[rows[link][4] : rows[link][4] + rows[link][5]]
        entries = data[offset : offset + length // SYMBOL.size * SYMBOL.size]
        if len(entries) % SYMBOL.size:
            continue
        for name, info, _, section, value, _ in SYMBOL.iter_unpack(entries):
            text = strings[name : strings.find(b"\0", name)].decode(errors="replace")
            if section and info & 15 in (STT_NOTYPE, STT_FUNC) and text and text[0] not in ".$":
                yield value, text
