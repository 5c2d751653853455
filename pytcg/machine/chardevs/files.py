"""Chardevs on names in the file system: files, FIFOs, pseudo-terminals."""

from __future__ import annotations

import os
import select
import tty
from pathlib import Path
from time import monotonic_ns

from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.backends import File, Pipe, Pty
from pytcg.machine.chardevs.stream import Stream

#: how often a pseudo-terminal that nobody has open is looked at: the kernel tells nobody when it is opened
LOOK_NS = 200_000_000


class OwnedStream(Stream):
    """A stream that closes its descriptors."""

    def close(self) -> None:
        owned = {fd for fd in (self._input, self._output) if fd is not None}
        super().close()
        for fd in owned:
            os.close(fd)


def open_file(backend: File, loop: EventLoop) -> OwnedStream:
    """Output into a file. Raises OSError, also for a pipe without a reader, which is not waited for."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if backend.append else os.O_TRUNC)
    output = os.open(backend.path, flags, 0o666)
    source = os.open(backend.input_path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC) if backend.input_path else None
    return OwnedStream(loop, source, output)


def open_pipe(backend: Pipe, loop: EventLoop) -> OwnedStream:
    """FIFOs, opened for both ways each, so that neither waits for a partner nor ends with one. Raises OSError."""
    flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
    if not Path(f"{backend.path}.in").exists():
        fd = os.open(backend.path, flags)
        return OwnedStream(loop, fd, fd)
    source = os.open(f"{backend.path}.in", flags)
    try:
        return OwnedStream(loop, source, os.open(f"{backend.path}.out", flags))
    except OSError:
        os.close(source)
        raise


class PseudoTerminal(Stream):
    """A new pseudo-terminal. What the guest writes while nobody has it open is dropped. Raises OSError."""

    def __init__(self, backend: Pty, loop: EventLoop) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        #: its name on the host
        self.name = os.ttyname(slave)
        self.link = backend.path
        # With the last descriptor of the other side closed, the master tells whether anybody has it open.
        os.close(slave)
        os.set_blocking(self.master, False)
        if self.link:
            Path(self.link).symlink_to(self.name)
        self._look_again = loop.timer(self._look)
        super().__init__(loop)
        self._look()

    @property
    def place(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether somebody has it open, as far as is known."""
        return self._output is not None

    def input_ended(self) -> None:
        self.detach()
        self._look()

    def close(self) -> None:
        super().close()
        self._look_again.cancel()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
            if self.link:
                Path(self.link).unlink(missing_ok=True)

    def _look(self) -> None:
        """Use the terminal if somebody has it open, else look again later."""
        poll = select.poll()
        poll.register(self.master, select.POLLIN)
        if any(events & select.POLLHUP for _, events in poll.poll(0)):
            self._look_again.arm(monotonic_ns() + LOOK_NS)
        else:
            self.attach(self.master, self.master)
            if self.port:
                self.accept_input()
