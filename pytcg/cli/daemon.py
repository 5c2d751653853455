"""-daemonize and -pidfile: a process that goes on without the terminal that it was started from."""

from __future__ import annotations

import os
from pathlib import Path

from pytcg.machine.errors import MachineError


class Daemon:
    """Made before the machine: the first process waits in the constructor, and ends with what the second reports."""

    def __init__(self) -> None:
        source, self._report = os.pipe()
        if child := os.fork():
            os.close(self._report)
            ready = os.read(source, 1) != b""
            os._exit(0 if ready else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or 1)
        os.close(source)
        os.setsid()

    def ready(self) -> None:
        """The machine is built: let the first process end, and the terminal go."""
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        os.write(self._report, b"!")
        os.close(self._report)


def write_pid(path: Path) -> None:
    """Write the number of this process into a file. Raises MachineError."""
    try:
        # a pipe without a reader is an error, and nothing to wait for
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        with os.fdopen(fd, "w") as file:
            file.write(f"{os.getpid()}\n")
    except OSError as error:
        raise MachineError(f"cannot write the process number to {path}: {error.strerror}") from None


def remove_pid(path: Path) -> None:
    """Remove that file at the end, unless it is something else, such as /dev/null."""
    if path.is_file():
        path.unlink(missing_ok=True)
