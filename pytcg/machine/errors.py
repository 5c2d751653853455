"""The one exception that the command line turns into a line and exit status 1."""

from __future__ import annotations

from pathlib import Path


class MachineError(Exception):
    """A machine that cannot be built or started as asked; the message is one line for the user."""


def read_file(path: Path, what: str) -> bytes:
    """The contents of a file that an option names. Raises MachineError naming it and the reason."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MachineError(f"cannot read {what} {path}: {error.strerror}") from None
