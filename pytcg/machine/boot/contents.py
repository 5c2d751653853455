"""Contents of files, mapped rather than read: a kernel or an initial RAM disk takes no memory besides the guest's."""

from __future__ import annotations

import mmap
import os
import select
import stat
from io import FileIO
from pathlib import Path
from typing import NoReturn

from pytcg.machine.errors import MachineError

#: bytes that are there already, or a view of a file's mapping
Contents = bytes | memoryview
#: how long whoever writes to a pipe may take to open it
PIPE_PATIENCE_MS = 2000


def read_file(path: Path, what: str) -> Contents:
    """The contents of a file that an option names. Raises MachineError naming it and the reason."""
    try:
        with FileIO(path, opener=_open_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISFIFO(mode):
                return _read_pipe(file) or _fail(what, path, "nobody writes to that pipe")
            try:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except (ValueError, OSError):
                # an empty file, or one that cannot be mapped; other devices than /dev/null may have no end
                if not stat.S_ISREG(mode) and file.read(1) != b"":
                    _fail(what, path, "it is not a file")
                return file.readall()
    except OSError as error:
        _fail(what, path, error.strerror)


def _fail(what: str, path: Path, reason: str | None) -> NoReturn:
    raise MachineError(f"cannot read {what} {path}: {reason}")


def _open_at_once(path: str, flags: int) -> int:
    """open(2) that does not wait for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _read_pipe(file: FileIO) -> bytes:
    """All that is written to a pipe; nothing where nobody has it open for that, or has soon."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    poll.poll(PIPE_PATIENCE_MS)
    os.set_blocking(file.fileno(), True)
    return file.readall()


def check_length(name: str, contents: Contents) -> None:
    """Raises MachineError where a file has got shorter or longer since it was mapped: beyond its end are no bytes."""
    mapping = contents.obj if isinstance(contents, memoryview) else None
    if isinstance(mapping, mmap.mmap) and mapping.size() != len(mapping):
        raise MachineError(f"{name} was changed while the machine ran: its file is not as long as before")


def release(contents: Contents) -> None:
    """Give back the host memory in which a mapped file was read; it is read again when it is needed."""
    mapping = contents.obj if isinstance(contents, memoryview) else None
    if isinstance(mapping, mmap.mmap):
        mapping.madvise(mmap.MADV_DONTNEED)
