"""Read an initrd: a gzip'd cpio archive in the format "newc" (Linux, Documentation/driver-api/early-userspace)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"070701"
HEADER = 110
#: which of the header's 13 eight-digit fields are the sizes of the file and of its name
FILE_SIZE, NAME_SIZE = 6, 11


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of each member."""
    data = gzip.decompress(path.read_bytes())
    at = 0
    while True:
        header = data[at : at + HEADER]
        assert header[:6] == MAGIC
        size, name_size = (int(header[6 + 8 * n : 14 + 8 * n], 16) for n in (FILE_SIZE, NAME_SIZE))
        name = data[at + HEADER : at + HEADER + name_size - 1].decode()
        if name == "TRAILER!!!":
            return
        start = at + HEADER + name_size + 3 & -4
        yield name, data[start : start + size]
        at = start + size + 3 & -4
