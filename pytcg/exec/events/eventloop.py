"""The event loop: file descriptors, timers, signals and calls from other threads, on the main thread.

Callbacks run with the machine's lock held, so that a device model is never entered twice at a time. Waiting is done by
select(2), which takes regular files. All times are `time.monotonic_ns`.
"""

from __future__ import annotations

import heapq
import os
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any, Protocol

from pytcg.exec.events.alarm import Alarm

Callback = Callable[[], None]


class TimerQueue(Protocol):
    """What looks after timers."""

    @property
    def lock(self) -> AbstractContextManager[object]: ...

    def queue(self, deadline: int, timer: Timer) -> None: ...


class Timer:
    """Calls `callback` in the event loop once the time it is armed for has come."""

    def __init__(self, loop: TimerQueue, callback: Callback) -> None:
        self._loop = loop
        self._callback = callback
        #: when it fires; None: not armed
        self.deadline: int | None = None
        # When the heap will look at this timer next. Arming for later leaves it alone, which keeps the heap small.
        self._queued: int | None = None

    def arm(self, deadline: int) -> None:
        """Fire at a monotonic time in ns, instead of any earlier arrangement. Any thread may call this."""
        with self._loop.lock:
            self.deadline = deadline
            if self._queued is None or deadline < self._queued:
                self._queued = deadline
                self._loop.queue(deadline, self)

    def cancel(self) -> None:
        """Do not fire. Any thread may call this."""
        with self._loop.lock:
            self.deadline = None

    def due(self, queued: int) -> None:
        """For the loop: the time `queued` of a heap entry has come; a timer armed for later takes its turn then."""
        if queued != self._queued:
            return
        self._queued = None
        if self.deadline is None:
            return
        if self.deadline > queued:
            self.arm(self.deadline)
        else:
            self.deadline = None
            self._callback()


class EventLoop:
    """Runs on the main thread; everything but `run` and `on_signal` may be called from any thread."""

    def __init__(self, lock: AbstractContextManager[object] | None = None) -> None:
        #: held while callbacks run; must be re-entrant
        self.lock: AbstractContextManager[object] = threading.RLock() if lock is None else lock
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._timers: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self._soon: deque[Callback] = deque()
        self._signals: dict[int, Callback] = {}
        self._old_handlers: dict[int, Any] = {}
        self._old_wakeup = -1
        self._stopped = False
        self._thread: int | None = None
        # Other threads and signal handlers write a byte here; a signal's is its number, a thread's is zero.
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._awake = True
        # Readable when the first timer is due. So arming a timer, which guests do all the time, need not wake the loop.
        self._alarm = Alarm()

    def add_reader(self, fd: int, callback: Callback) -> None:
        """Call `callback` whenever `fd` is readable (or at its end), until `remove_reader`."""
        with self.lock:
            self._readers[fd] = callback
        self.wake()

    def remove_reader(self, fd: int) -> None:
        with self.lock:
            self._readers.pop(fd, None)

    def add_writer(self, fd: int, callback: Callback) -> None:
        """Call `callback` whenever `fd` takes bytes, until `remove_writer`."""
        with self.lock:
            self._writers[fd] = callback
        self.wake()

    def remove_writer(self, fd: int) -> None:
        with self.lock:
            self._writers.pop(fd, None)

    def timer(self, callback: Callback) -> Timer:
        """A timer, not armed yet."""
        return Timer(self, callback)

    def queue(self, deadline: int, timer: Timer) -> None:
        """For timers: look at `timer` at `deadline`."""
        self._sequence += 1
        heapq.heappush(self._timers, (deadline, self._sequence, timer))
        if self._timers[0][2] is timer:
            self._alarm.set(deadline)

    def call_soon(self, callback: Callback) -> None:
        """Call `callback` once, in the loop."""
        self._soon.append(callback)
        self.wake()

    def on_signal(self, number: int, callback: Callback) -> None:
        """Call `callback` in the loop at each such signal. Main thread only; `close` restores the old handler."""
        if not self._signals:
            self._old_wakeup = signal.set_wakeup_fd(self._wake_in, warn_on_full_buffer=False)
        if number not in self._signals:
            self._old_handlers[number] = signal.signal(number, _note_signal)
        self._signals[number] = callback

    def run(self) -> None:
        """Serve until `stop`, which may have come before. An exception of a callback comes out here."""
        self._thread = threading.get_ident()
        try:
            while not self._stopped:
                self._turn()
        finally:
            self._thread = None
            self._stopped = False

    def stop(self) -> None:
        """Let `run` return once the current callback is done."""
        self._stopped = True
        self.wake()

    def wake(self) -> None:
        """Make a sleeping loop look at its work again."""
        if not self._awake and self._thread != threading.get_ident():
            self._awake = True
            os.write(self._wake_in, b"\0")

    def close(self) -> None:
        """Restore the signal handlers and close the wake-up pipe. The loop cannot run again."""
        if self._signals:
            signal.set_wakeup_fd(self._old_wakeup)
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)
            self._signals = {}
        os.close(self._wake_in)
        os.close(self._wake_out)
        self._alarm.close()

    def __enter__(self) -> EventLoop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _turn(self) -> None:
        """Sleep until there is work, then do what there is."""
        # From here on a change by another thread writes to the pipe; what came before is seen below.
        self._awake = False
        with self.lock:
            interest = dict.fromkeys((self._wake_out, self._alarm.fd, *self._readers), select.POLLIN)
            for fd in self._writers:
                interest[fd] = interest.get(fd, 0) | select.POLLOUT
            timeout = 0 if self._soon or self._stopped else None
        poll = select.poll()  # select takes no descriptor above 1023
        for fd, wanted in interest.items():
            poll.register(fd, wanted)
        events = poll.poll(timeout)
        readers = [fd for fd, event in events if event & ~select.POLLOUT]
        writers = [fd for fd, event in events if event & ~select.POLLIN]
        self._awake = True
        with self.lock:
            if self._wake_out in readers:
                for number in os.read(self._wake_out, 4096):
                    if number in self._signals:
                        self._signals[number]()
            for fds, callbacks in ((readers, self._readers), (writers, self._writers)):
                for fd in fds:
                    callback = callbacks.get(fd)
                    if callback is not None:
                        callback()
            if self._alarm.fd in readers:
                self._fire_timers()
            for _ in range(len(self._soon)):
                self._soon.popleft()()

    def _fire_timers(self) -> None:
        timers = self._timers
        self._alarm.clear()
        now = time.monotonic_ns()
        while timers and timers[0][0] <= now:
            deadline, _, timer = heapq.heappop(timers)
            timer.due(deadline)
        if timers:
            self._alarm.set(timers[0][0])


def _note_signal(number: int, frame: FrameType | None) -> None:
    """The handler itself does nothing: the interpreter has written the number to the wake-up pipe."""
