"""The translation cache on disk: templates of earlier runs, in one file for each translator and configuration, and in
another the helpers compiled to machine code.

A file is a header (magic, key, length and CRC-32 of what follows) and templates one behind the other, as
`exec/blocks/table.py` lays them out. They are found by guest bytes, so one file serves all guests. It holds executable
code: file and directory must belong to the user, the file be closed to everybody else and the directory be writable by
nobody else, or they are refused. Files are written aside and renamed, so that any number of runs may share a directory.
"""

from __future__ import annotations

import ctypes
import logging
import marshal
import mmap
import os
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib.util import source_hash
from pathlib import Path
from struct import Struct
from zlib import crc32

import pytcg

log = logging.getLogger("pytcg")

HEADER = Struct("<8s8sQI4x")
MAGIC = b"pytcgTC2"
#: packages whose sources decide what a template looks like
SOURCES = ("tcg", "backend", "frontend", "native", "exec")
SUFFIX, HELPERS_SUFFIX, NEW_SUFFIX = ".translations", ".helpers", ".new"
#: bytes of templates in one file, and of all files in a directory
FILE_LIMIT = 128 << 20
DIRECTORY_LIMIT = 512 << 20
#: fewer new bytes are not worth a new file
WORTHWHILE = 1 << 15
#: seconds after which a file that is still being written has been left by a run that was killed
ABANDONED = 3600
#: permissions that others must not have
READ_OR_WRITE, WRITE = 0o077, 0o022


def default_directory() -> Path:
    """Where the environment says (PYTCG_CACHE_DIR), or in the user's cache directory."""
    if named := os.environ.get("PYTCG_CACHE_DIR"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pytcg"


def translator_key(configuration: Iterable[str]) -> bytes:
    """8 bytes that change with the translator's sources and with `configuration`."""
    root = Path(pytcg.__file__).parent
    sources = (path for package in SOURCES for path in _files(str(root / package)) if path.endswith((".py", ".decode")))
    digests = (source_hash(Path(path).read_bytes()) for path in sorted(sources))
    return source_hash(b"".join(("\0".join(configuration).encode(), *digests)))


def _files(directory: str) -> Iterator[str]:
    """All files below a directory; pathlib takes three times as long."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                yield entry.path


class Region:
    """A mapped file: its templates lie from `address` to `end`. The mapping lives as long as this does."""

    def __init__(self, memory: mmap.mmap, length: int) -> None:
        self.memory = memory
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + HEADER.size
        self.end = self.address + length
        self.data = memoryview(memory)[HEADER.size : HEADER.size + length]


class TranslationStore:
    """The files of one translator and configuration in a directory: templates, and the compiled helpers."""

    def __init__(self, directory: Path, key: bytes) -> None:
        self.directory = directory
        self.key = key
        self.path = directory / (key.hex() + SUFFIX)
        self.helpers_path = self.path.with_suffix(HELPERS_SUFFIX)

    @cached_property
    def refused(self) -> bool:
        """Whether the directory is there and not the user's own, which is said once."""
        try:
            return not self._is_private(self.directory.stat(), WRITE, self.directory)
        except OSError:
            return False

    def _is_private(self, status: os.stat_result, forbidden: int, path: Path) -> bool:
        if status.st_uid == os.getuid() and not status.st_mode & forbidden:
            return True
        log.warning("%s is not private to you: not used", path)
        return False

    def load(self) -> Region | None:
        """The templates of earlier runs. None where there are none, or none that can be trusted."""
        return self._read(self.path)

    def save(self, pieces: list[memoryview]) -> None:
        """Write a file of templates in the place of the old one. What cannot be written is left, with a warning."""
        self._write(self.path, pieces)

    def load_helpers(self) -> list[tuple[int, bytes, int]] | None:
        """Number, host code and its entry of each compiled helper; None as for `load`."""
        region = self._read(self.helpers_path)
        if region is None:
            return None
        helpers: list[tuple[int, bytes, int]] = marshal.loads(region.data)
        return helpers

    def save_helpers(self, helpers: list[tuple[int, bytes, int]]) -> None:
        """Keep compiled helpers, as `save` keeps templates."""
        self._write(self.helpers_path, [memoryview(marshal.dumps(helpers))])

    def _read(self, path: Path) -> Region | None:
        if self.refused:
            return None
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            status = os.fstat(handle)
            if status.st_size < HEADER.size or not self._is_private(status, READ_OR_WRITE, path):
                return None
            memory = mmap.mmap(handle, status.st_size, flags=mmap.MAP_PRIVATE)
            os.utime(handle)
        except OSError:
            return None
        finally:
            os.close(handle)
        magic, key, length, checksum = HEADER.unpack_from(memory)
        body = memoryview(memory)[HEADER.size :]
        if (magic, key, length) != (MAGIC, self.key, len(body)) or crc32(body) != checksum:
            return None
        return Region(memory, length)

    def _write(self, path: Path, pieces: list[memoryview]) -> None:
        length = sum(len(piece) for piece in pieces)
        checksum = 0
        for piece in pieces:
            checksum = crc32(piece, checksum)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.refused:
                return
            new = path.with_suffix(f".{os.getpid()}{NEW_SUFFIX}")
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(HEADER.pack(MAGIC, self.key, length, checksum))
                    for piece in pieces:
                        file.write(piece)
                new.replace(path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
            self.trim()
        except OSError as error:
            log.warning("cannot keep translations in %s: %s", self.directory, error.strerror)

    def trim(self) -> None:
        """Remove the files that were not used for longest until the rest fits, and what killed runs have left."""
        files = []
        for entry in os.scandir(self.directory):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                # another run has removed it
                continue
            path = Path(entry.path)
            if path.suffix in (SUFFIX, HELPERS_SUFFIX):
                files.append((status.st_mtime, status.st_size, path))
            elif path.suffix == NEW_SUFFIX and status.st_mtime < time.time() - ABANDONED:
                path.unlink(missing_ok=True)
        total = 0
        for _, size, path in sorted(files, reverse=True):
            total += size
            if total > DIRECTORY_LIMIT and path not in (self.path, self.helpers_path):
                path.unlink(missing_ok=True)
