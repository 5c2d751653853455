"""Raw mode of the terminal that the emulator runs in."""

from __future__ import annotations

import contextlib
import select
import termios


class RawTerminal:
    """Puts a terminal into raw mode: each key goes to the guest, also Ctrl-C and Ctrl-Z unless `signals`.

    Output processing stays on, so that the emulator's own messages begin at the left.
    """

    def __init__(self, fd: int, signals: bool = False) -> None:
        self.fd = fd
        self.signals = signals
        self._saved = termios.tcgetattr(fd)
        self.enter()

    def enter(self) -> None:
        """Set raw mode (again, after the process was stopped)."""
        iflag, oflag, cflag, lflag, ispeed, ospeed, chars = termios.tcgetattr(self.fd)
        chars = list(chars)
        chars[termios.VMIN], chars[termios.VTIME] = 1, 0
        iflag &= ~(
            termios.IGNBRK
            | termios.BRKINT
            | termios.PARMRK
            | termios.ISTRIP
            | termios.INLCR
            | termios.IGNCR
            | termios.ICRNL
            | termios.IXON
        )
        oflag |= termios.OPOST
        cflag = (cflag & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
        lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN)
        lflag = lflag | termios.ISIG if self.signals else lflag & ~termios.ISIG
        termios.tcsetattr(self.fd, termios.TCSANOW, [iflag, oflag, cflag, lflag, ispeed, ospeed, chars])

    def restore(self) -> None:
        """Back to how it was; keys not read yet stay for the next reader. A terminal that has gone is let go."""
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self.fd, termios.TCSANOW, self._saved)


def takes_output(fd: int, seconds: float = 0) -> bool:
    """Whether a write will not block within that time: a terminal may be stopped, and a pipe full.

    A closed one takes nothing.
    """
    waiting = select.poll()
    waiting.register(fd, select.POLLOUT)
    return any(event & select.POLLOUT for _, event in waiting.poll(seconds * 1000))
