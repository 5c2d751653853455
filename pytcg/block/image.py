"""Raw disk images: a regular file or a block device of the host."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

#: Linux's <linux/falloc.h>
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
#: what a file system says that cannot do it
UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV)
ZEROES = bytes(1 << 16)
#: magic numbers of formats that are not raw; a guest would see rubbish
FORMATS = {b"QFI\xfb": "qcow2", b"KDMV": "vmdk", b"vhdxfile": "vhdx", b"conectix": "vpc", b"QED\0": "qed"}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class ImageError(Exception):
    """An image that cannot be used; the message is one line that names the file and the reason."""


class Image(ABC):
    """Bytes that are read and written by offset, by several threads at once. All methods but `close` raise OSError.

    What was written is safe once a later `flush` has returned.
    """

    #: bytes; a guest's disk is this rounded up to whole sectors
    size: int
    readonly: bool

    @abstractmethod
    def read(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Fill all buffers; beyond the end there are zeroes."""

    @abstractmethod
    def write(self, offset: int, buffers: Sequence[memoryview | bytes]) -> None:
        """Write all buffers, one after the other."""

    @abstractmethod
    def flush(self) -> None:
        """Bring what was written to stable storage."""

    @abstractmethod
    def discard(self, offset: int, size: int) -> None:
        """The contents are no longer needed; room is given back where the host can do so."""

    def zero(self, offset: int, size: int, unmap: bool) -> None:
        """Make a range zeroes; with `unmap` its room may be given back."""
        for at in range(offset, offset + size, len(ZEROES)):
            self.write(at, [ZEROES[: offset + size - at]])

    @abstractmethod
    def close(self) -> None:
        """Let go of the host's file."""


class RawImage(Image):
    """A file as it is. Raises ImageError.

    `locking`: keep out others that lock the file, all of them from one that is written to. `discards`: whether holes
    are made.
    """

    def __init__(self, path: Path, readonly: bool = False, locking: bool = True, discards: bool = True) -> None:
        self.path = path
        self.readonly = readonly
        self.discards = discards
        try:
            self._fd = os.open(path, (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC)
        except OSError as error:
            raise ImageError(f"cannot open disk image {path}: {error.strerror}") from None
        try:
            self.size = self._measure()
            self._check_format()
            if locking:
                self._lock()
        except OSError as error:
            os.close(self._fd)
            raise ImageError(f"cannot use disk image {path}: {error.strerror}") from None
        except ImageError:
            os.close(self._fd)
            raise

    def _measure(self) -> int:
        mode = os.fstat(self._fd).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise ImageError(f"{self.path} is no disk image: it is neither a file nor a block device")
        return os.lseek(self._fd, 0, os.SEEK_END)

    def _check_format(self) -> None:
        start = os.pread(self._fd, 16, 0)
        for magic, name in FORMATS.items():
            if start.startswith(magic):
                raise ImageError(f"{self.path} is a {name} image, and pytcg reads raw images")

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, (fcntl.LOCK_SH if self.readonly else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ImageError(f"disk image {self.path} is in use by another pytcg") from None

    def read(self, offset: int, buffers: Sequence[memoryview]) -> None:
        rest = [buffer for buffer in buffers if len(buffer)]
        while rest:
            count = os.preadv(self._fd, rest, offset)
            if not count:
                for buffer in rest:
                    _clear(buffer)
                return
            offset += count
            rest = after(rest, count)

    def write(self, offset: int, buffers: Sequence[memoryview | bytes]) -> None:
        rest = [memoryview(buffer) for buffer in buffers if len(buffer)]
        while rest:
            count = os.pwritev(self._fd, rest, offset)
            offset += count
            rest = after(rest, count)

    def flush(self) -> None:
        os.fdatasync(self._fd)

    def discard(self, offset: int, size: int) -> None:
        if self.discards:
            self._allocate(PUNCH_HOLE | KEEP_SIZE, offset, size)

    def zero(self, offset: int, size: int, unmap: bool) -> None:
        # a hole reads as zeroes too; ZERO_RANGE keeps the room, so that later writes cannot fail for lack of it
        if unmap and self.discards and self._allocate(PUNCH_HOLE | KEEP_SIZE, offset, size):
            return
        if not self._allocate(ZERO_RANGE | KEEP_SIZE, offset, size):
            super().zero(offset, size, unmap)

    def close(self) -> None:
        os.close(self._fd)

    def _allocate(self, mode: int, offset: int, size: int) -> bool:
        """fallocate(2); False where the host cannot do it. Raises OSError for other failures."""
        if not size or not _libc.fallocate(self._fd, mode, offset, size):
            return True
        number = ctypes.get_errno()
        if number in UNSUPPORTED:
            return False
        raise OSError(number, os.strerror(number))


def _clear(buffer: memoryview) -> None:
    """Make a buffer zeroes, without another of its size: it may be as large as the guest's memory."""
    for at in range(0, len(buffer), len(ZEROES)):
        piece = buffer[at : at + len(ZEROES)]
        piece[:] = ZEROES[: len(piece)]


def after(buffers: Sequence[memoryview], count: int) -> list[memoryview]:
    """What is left of buffers after their first `count` bytes."""
    rest = list(buffers)
    while rest and count >= len(rest[0]):
        count -= len(rest.pop(0))
    if count:
        rest[0] = rest[0][count:]
    return rest
