"""The console: standard input and output as a chardev, with the Ctrl-A escapes of `qemu -nographic`."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable
from typing import Self

from pytcg.exec.eventloop import EventLoop
from pytcg.machine.stream import Stream, nonblocking_output
from pytcg.machine.terminal import RawTerminal

CTRL_A = 1
#: a terminal is read ahead of the guest, so that Ctrl-A x works while it takes no input
TERMINAL_READ_AHEAD = 1 << 16


class Console(Stream):
    """Calls `quit` in the event loop for Ctrl-A x, for SIGINT, SIGTERM and SIGHUP, and when the terminal has gone.

    A terminal is in raw mode from construction until `close`, which also runs at the interpreter's exit. To be made on
    the main thread.
    """

    def __init__(
        self,
        loop: EventLoop,
        quit: Callable[[], None],
        input_fd: int | None = 0,
        output_fd: int | None = 1,
        escape: int = CTRL_A,
    ) -> None:
        self.quit = quit
        self.escape = escape
        self._escaped = False
        self._terminal: RawTerminal | None = None
        output = None if output_fd is None else nonblocking_output(output_fd)
        self._opened = None if output == output_fd else output
        on_terminal = input_fd is not None and os.isatty(input_fd)
        super().__init__(loop, input_fd, output, TERMINAL_READ_AHEAD if on_terminal else 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.on_signal(number, self._end)
        atexit.register(self.close)
        if input_fd is not None and on_terminal:
            self._terminal = RawTerminal(input_fd)
            loop.on_signal(signal.SIGCONT, self._terminal.enter)

    @classmethod
    def on_stdio(cls, loop: EventLoop, quit: Callable[[], None], escape: int = CTRL_A) -> Self:
        """The console on what the process was started with; closed descriptors are left alone."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        return cls(loop, quit, 0 if sys.stdin is not None else None, 1 if sys.stdout is not None else None, escape)

    def show(self, text: str) -> None:
        """Print a message of the emulator's own."""
        self.write(text.replace("\n", "\r\n").encode())

    def filter(self, data: bytes) -> bytes:
        if not self._escaped and self.escape not in data:
            return data
        kept = bytearray()
        for byte in data:
            if not self._escaped:
                if byte == self.escape:
                    self._escaped = True
                else:
                    kept.append(byte)
                continue
            self._escaped = False
            if byte == self.escape:
                kept.append(byte)
            else:
                self._command(chr(byte))
        return bytes(kept)

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

    def _command(self, key: str) -> None:
        name = f"Ctrl-{chr(self.escape + 64)}"
        if key == "x":
            self.show("pytcg: terminated\n")
            self._end()
        elif key == "c":
            self.show("\nThere is no monitor.\n")
        elif key in "h?":
            self.show(
                f"\n{name} h       this help\n{name} x       end the emulator\n{name} c       the monitor\n"
                f"{name} {name}  send {name} to the guest\n"
            )
