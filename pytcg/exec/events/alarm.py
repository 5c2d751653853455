"""A file descriptor that becomes readable at a time: timerfd_create(2), which Python has from 3.13 on."""

from __future__ import annotations

import ctypes
import os
import time

NANOSECONDS = 1_000_000_000
ABSOLUTE = 1  # TFD_TIMER_ABSTIME
# The calls are too short to be worth giving up the interpreter's lock.
_libc = ctypes.PyDLL(None, use_errno=True)


class Alarm:
    """Goes off once, at a `time.monotonic_ns`. Setting it does not wake whoever waits for it. Raises OSError."""

    def __init__(self) -> None:
        self.fd = int(_libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        #: struct itimerspec: the interval, none, and the time, in seconds and nanoseconds
        self._time = (ctypes.c_long * 4)()

    def set(self, deadline: int) -> None:
        """Go off at `deadline`, or at once if that is past, instead of at an earlier arrangement."""
        # Zero would mean never.
        self._time[2], self._time[3] = divmod(max(deadline, 1), NANOSECONDS)
        if _libc.timerfd_settime(self.fd, ABSOLUTE, self._time, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def clear(self) -> None:
        """Make the descriptor unreadable again after it went off."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            # It was set anew meanwhile.
            return

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)
