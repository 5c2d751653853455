"""A chardev on file descriptors: what terminal, file, pipe, pseudo-terminal and socket have in common."""

from __future__ import annotations

import os
import stat
import time

from pytcg.devices.chardev import Chardev
from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.terminal import takes_output

#: bytes of output that are held for a slow reader before the guest's transmitter has to wait
OUTPUT_LIMIT = 1 << 16
#: a guest writes byte by byte: what it writes within this time goes out at once
GATHER_NS = 1_000_000
#: at the end, a reader that takes nothing for so long does not get the rest
PATIENCE = 10.0
#: and once the user wants an end, what is not taken so soon is dropped
HURRY = 0.1


class Stream(Chardev):
    """Reads and writes without blocking; either descriptor may be None, and they may come and go.

    Input is read only as the port takes it, so that what is not read stays with the sender. Output while there is no
    descriptor is dropped.
    """

    #: how long output is gathered
    gather_ns = GATHER_NS

    def __init__(self, loop: EventLoop, input_fd: int | None = None, output_fd: int | None = None) -> None:
        self.loop = loop
        self._input: int | None = None
        self._output: int | None = None
        self._reading = False
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._gathering = False
        self._timer = loop.timer(self._send)
        self.attach(input_fd, output_fd)

    def attach(self, input_fd: int | None, output_fd: int | None) -> None:
        """Use these descriptors, in place of none."""
        self._input, self._output = input_fd, output_fd
        self._watch()

    def detach(self) -> None:
        """Let go of the descriptors, which stay open; output that was not taken is dropped."""
        self._stop_reading()
        self._timer.cancel()
        if self._output is not None:
            self.loop.remove_writer(self._output)
        self._output = None
        self._outbox.clear()
        self._gathering = False
        if self.port:
            self.port.can_send()

    def input_ended(self) -> None:
        """The input is at its end; nothing more is read."""

    def room(self) -> int:
        return max(OUTPUT_LIMIT - len(self._outbox), 0)

    def write(self, data: bytes) -> None:
        if self._output is None or not data:
            return
        self._outbox += data
        if not self._gathering:
            self._gathering = True
            self._timer.arm(time.monotonic_ns() + self.gather_ns)

    def accept_input(self) -> None:
        self._deliver()
        self._watch()

    def unread(self, data: bytes) -> None:
        self._inbox[:0] = data

    def close(self) -> None:
        self._stop_reading()
        patience = HURRY if self.hurried else PATIENCE
        while self._outbox and self._output is not None and takes_output(self._output, patience):
            self._write_some(self._output)
        self.detach()

    def _stop_reading(self) -> None:
        if self._reading and self._input is not None:
            self.loop.remove_reader(self._input)
        self._reading = False
        self._input = None

    def _wanted(self) -> int:
        """How many bytes of input there is a place for."""
        return (self.port.can_receive() if self.port else 0) - len(self._inbox)

    def _watch(self) -> None:
        """Wait for input exactly while there is a place for it."""
        reading = self._input is not None and self._wanted() > 0
        if reading == self._reading or self._input is None:
            return
        self._reading = reading
        if reading:
            self.loop.add_reader(self._input, self._receive)
        else:
            self.loop.remove_reader(self._input)

    def _receive(self) -> None:
        wanted = self._wanted()
        if self._input is not None and wanted > 0:
            try:
                data = os.read(self._input, wanted)
            except BlockingIOError:
                return
            except OSError:
                # A terminal or socket whose other end has gone.
                data = b""
            if not data:
                self._stop_reading()
                self.input_ended()
                return
            self._inbox += data
        self.accept_input()

    def _deliver(self) -> None:
        while self._inbox and self.port and (count := self.port.can_receive()):
            data = bytes(self._inbox[:count])
            del self._inbox[:count]
            self.port.receive(data)

    def _send(self) -> None:
        """Write what the descriptor takes; wait for it to take the rest."""
        if self._output is None:
            return
        self._write_some(self._output)
        if self._outbox:
            self.loop.add_writer(self._output, self._send)
        else:
            self.loop.remove_writer(self._output)
            self._gathering = False
        if self.port:
            self.port.can_send()

    def _write_some(self, fd: int) -> None:
        """One write. Output that nobody can read any more is dropped."""
        try:
            del self._outbox[: os.write(fd, self._outbox)]
        except BlockingIOError:
            pass
        except OSError:
            self._outbox.clear()


def nonblocking_output(fd: int) -> int:
    """A descriptor to the same terminal, pipe or file as `fd` that does not block; `fd` itself where it never would.

    Terminals and pipes are opened anew, since O_NONBLOCK on `fd` itself would show in every process that shares it.
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        try:
            return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return fd
    return fd
