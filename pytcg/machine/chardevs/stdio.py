"""Standard input and output as a chardev, a terminal in raw mode."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable
from typing import Self

from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.stream import Stream, nonblocking_output
from pytcg.machine.chardevs.terminal import RawTerminal


class Console(Stream):
    """Calls `quit` in the event loop for SIGINT, SIGTERM and SIGHUP, and when the terminal has gone.

    A terminal is in raw mode from construction until `close`, which also runs at the interpreter's exit; `signals`:
    Ctrl-C and Ctrl-Z do what they always do. To be made on the main thread.
    """

    def __init__(
        self,
        loop: EventLoop,
        quit: Callable[[], None],
        input_fd: int | None = 0,
        output_fd: int | None = 1,
        signals: bool = False,
    ) -> None:
        self.quit = quit
        self._terminal: RawTerminal | None = None
        output = None if output_fd is None else nonblocking_output(output_fd)
        self._opened = None if output == output_fd else output
        super().__init__(loop, input_fd, output)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.on_signal(number, self._end)
        atexit.register(self.close)
        if input_fd is not None and os.isatty(input_fd):
            self._terminal = RawTerminal(input_fd, signals)
            loop.on_signal(signal.SIGCONT, self._terminal.enter)

    @classmethod
    def on_stdio(cls, loop: EventLoop, quit: Callable[[], None], signals: bool = False) -> Self:
        """The console on what the process was started with; closed descriptors are left alone."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        return cls(loop, quit, 0 if sys.stdin is not None else None, 1 if sys.stdout is not None else None, signals)

    @property
    def on_terminal(self) -> bool:
        return self._terminal is not None

    def input_ended(self) -> None:
        if self._terminal:
            self._end()

    def _end(self) -> None:
        self.hurry()
        self.quit()

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self._terminal:
                self._terminal.restore()
                self._terminal = None
            if self._opened is not None:
                os.close(self._opened)
                self._opened = None
            atexit.unregister(self.close)
