"""Pack an initrd: a cpio archive in the format "newc" (Linux, Documentation/driver-api/early-userspace)."""

from __future__ import annotations

import gzip
import stat
from dataclasses import dataclass
from pathlib import Path

TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A file, folder, link or device node: path, st_mode, content or target, and a device's major and minor number."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _member(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    # inode, mode, uid, gid, links, mtime, size, device (2), device of a node (2), length of the name, checksum
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    return _pad(b"070701" + b"".join(b"%08X" % field for field in fields) + name) + _pad(entry.data)


def archive(entries: list[Entry]) -> bytes:
    """The archive, which Linux takes as it is too."""
    return b"".join(_member(number, entry) for number, entry in enumerate([*entries, Entry(TRAILER, 0)], 1))


def pack(entries: list[Entry]) -> bytes:
    """The archive, compressed; the same bytes for the same entries."""
    return gzip.compress(archive(entries), mtime=0)


def initrd(program: Path) -> bytes:
    """An initrd whose first process is to be `program` (`rdinit=/NAME`), with the device nodes that it uses."""
    return pack(
        [
            Entry("dev", stat.S_IFDIR | 0o755),
            Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
            Entry("dev/mem", stat.S_IFCHR | 0o600, device=(1, 1)),
            Entry(program.name, stat.S_IFREG | 0o755, program.read_bytes()),
        ]
    )
