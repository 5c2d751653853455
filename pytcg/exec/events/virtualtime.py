"""Guest time that is a function of executed instructions (`-icount`), so that a run can be repeated exactly.

Every block looks before it begins whether `limit` instructions have been executed, and leaves machine code then. What
is due is done there, by the vCPU's own thread: so it comes after the same instruction in every run. A vCPU that waits
for an interrupt lets time jump to when the next thing is due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from threading import Event, RLock
from typing import Any

from pytcg.exec.events.clock import MASK64, NANOSECONDS, Clock
from pytcg.exec.events.eventloop import Timer
from pytcg.tcg.passes.counted_clock import COUNT_SHIFT

#: where nothing is due
NO_LIMIT = MASK64


class VirtualClock(Clock):
    """A clock whose deadlines are its own nanoseconds."""

    def deadline(self, ticks: int) -> int:
        return self.ns() + -((self.ticks() - ticks) * NANOSECONDS // self.timebase_hz)

    def deadline_ns(self, ns: int) -> int:
        return ns

    def count_at(self, ns: int) -> int:
        """The counter at which `ns()` reaches a value."""
        ticks = -(-ns * self.timebase_hz // NANOSECONDS)
        return self.start + -(-(ticks << 64) // self.mult)

    def skip(self, counted: int) -> None:
        """Let the time of so many ticks of the counter pass at once."""
        self.start -= counted
        for env, _ in self._copies:
            env.clock_start = self.start


class VirtualTime:
    """The clock of a machine with one vCPU, and timers that go by it; stands in for the event loop where devices are.

    An instruction takes 1 << `shift` nanoseconds. `sleep`: waiting takes the host as long as the guest.
    """

    def __init__(
        self, shift: int, sleep: bool, timebase_hz: int, lock: RLock, call_soon: Callable[[Callable[[], None]], None]
    ) -> None:
        self.lock = lock
        self.call_soon = call_soon
        self.sleep = sleep
        self.env: Any = None
        self._timers: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self.clock = VirtualClock(self.count, (NANOSECONDS << COUNT_SHIFT) / (1 << shift), timebase_hz)

    def count(self) -> int:
        """What stands in for the host's counter: executed instructions, in a finer unit."""
        return self.env.executed << COUNT_SHIFT if self.env else 0

    def timer(self, callback: Callable[[], None]) -> Timer:
        """A timer, not armed yet, for deadlines of the clock."""
        return Timer(self, callback)

    def queue(self, deadline: int, timer: Timer) -> None:
        """For timers: look at `timer` at `deadline`."""
        self._sequence += 1
        heapq.heappush(self._timers, (deadline, self._sequence, timer))
        self._set_limit()

    def run_due(self) -> None:
        """Do what is due. On the vCPU's thread, between blocks."""
        with self.lock:
            timers, now = self._timers, self.clock.ns()
            while timers and timers[0][0] <= now:
                deadline, _, timer = heapq.heappop(timers)
                timer.due(deadline)
            self._set_limit()

    def wait(self, wakeup: Event) -> None:
        """The vCPU waits for an interrupt: until something is due, or something comes from outside."""
        with self.lock:
            first = self._timers[0][0] if self._timers else None
        if first is None:
            wakeup.wait()
            return
        if self.sleep and wakeup.wait(max(first - self.clock.ns(), 0) / NANOSECONDS):
            return
        with self.lock:
            missing = self.clock.count_at(first) - self.count()
            if missing > 0:
                self.clock.skip(missing)

    def _set_limit(self) -> None:
        if self.env:
            count = self.clock.count_at(self._timers[0][0]) if self._timers else NO_LIMIT
            self.env.limit = min(max(-(-count >> COUNT_SHIFT), 0), NO_LIMIT)
