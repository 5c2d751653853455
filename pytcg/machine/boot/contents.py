"""Contents of files, mapped rather than read: a kernel or an initial RAM disk takes no memory besides the guest's."""

from __future__ import annotations

import mmap
from pathlib import Path

from pytcg.machine.errors import MachineError

#: bytes that are there already, or a view of a file's mapping
Contents = bytes | memoryview


def read_file(path: Path, what: str) -> Contents:
    """The contents of a file that an option names. Raises MachineError naming it and the reason."""
    try:
        with path.open("rb", buffering=0) as file:
            try:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except (ValueError, OSError):
                # an empty file, or one that cannot be mapped, such as a pipe
                return file.readall()
    except OSError as error:
        raise MachineError(f"cannot read {what} {path}: {error.strerror}") from None


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
