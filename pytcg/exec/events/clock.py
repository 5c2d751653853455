"""Guest time: a linear function of a host counter, the same in machine code and in Python.

    ticks = offset + mulhu(counter - start, mult)        (all unsigned 64-bit, mulhu: upper half of the product)

The counter is the host's time-stamp counter where machine code reads it, and `time.perf_counter_ns` otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

MASK64 = 0xFFFFFFFFFFFFFFFF
NANOSECONDS = 1_000_000_000
TIMEBASE_HZ = 10_000_000
#: a longer calibration is more exact: the error of 20 ms is a few parts in a million
CALIBRATION_NS = 20_000_000

Counter = Callable[[], int]


class ClockFields(Protocol):
    """The part of a vCPU's state that holds its copy of the clock (`tcg/state.py`)."""

    clock_start: int
    clock_mult: int
    clock_offset: int
    alarm_mult: int


class Clock:
    """Guest time in ticks of the timebase and in nanoseconds.

    `counter` reads the host counter, which advances `counter_hz` times a second. Raises ValueError for a counter that
    is no faster than the timebase.
    """

    def __init__(
        self,
        counter: Counter = time.perf_counter_ns,
        counter_hz: float = NANOSECONDS,
        timebase_hz: int = TIMEBASE_HZ,
    ) -> None:
        if counter_hz <= timebase_hz:
            raise ValueError(f"a counter of {counter_hz:.0f} Hz cannot drive a timebase of {timebase_hz} Hz")
        self.counter = self._running = counter
        self.timebase_hz = timebase_hz
        #: host counter at guest time `offset`
        self.start = counter() & MASK64
        #: guest ticks a host tick, as a 64-bit fraction
        self.mult = int(timebase_hz / counter_hz * (1 << 64))
        #: guest time at `start`, in ticks
        self.offset = 0
        self._copies: list[tuple[ClockFields, Callable[[], None]]] = []

    def attach(self, env: ClockFields, changed: Callable[[], None]) -> None:
        """Put the clock into a vCPU's state, now and whenever the guest sets it, which `changed` is to tell."""
        self._copies.append((env, changed))
        env.clock_start, env.clock_mult, env.clock_offset = self.start, self.mult, self.offset
        env.alarm_mult = (1 << 64) // self.timebase_hz

    def elapsed(self) -> int:
        """Ticks since the clock was made, whatever the guest has set it to."""
        return ((self.counter() - self.start & MASK64) * self.mult) >> 64

    def ticks(self) -> int:
        """Guest time in ticks, 64 bits."""
        return self.offset + self.elapsed() & MASK64

    def set_ticks(self, value: int) -> None:
        """Set guest time, in ticks; it runs on from there."""
        self.offset = value - self.elapsed() & MASK64
        for env, changed in self._copies:
            env.clock_offset = self.offset
            changed()

    def pause(self) -> None:
        """Let guest time stand still, until `resume`. No vCPU may run."""
        stopped = self.counter()
        self._running, self.counter = self.counter, lambda: stopped

    def resume(self) -> None:
        """Let guest time go on from where it was stopped."""
        stopped, self.counter = self.counter(), self._running
        self.start = self.start + self.counter() - stopped & MASK64
        for env, changed in self._copies:
            env.clock_start = self.start
            changed()

    def span_ns(self, counted: int) -> int:
        """A number of ticks of the host counter in nanoseconds."""
        return (counted * self.mult * NANOSECONDS // self.timebase_hz) >> 64

    def ns(self) -> int:
        """Nanoseconds since the clock was made, whatever the guest has set it to."""
        return self.elapsed() * NANOSECONDS // self.timebase_hz

    def deadline(self, ticks: int) -> int:
        """The `time.monotonic_ns` at which guest time reaches `ticks`; already past if it has."""
        return time.monotonic_ns() + -((self.ticks() - ticks) * NANOSECONDS // self.timebase_hz)

    def deadline_ns(self, ns: int) -> int:
        """The `time.monotonic_ns` at which `ns()` reaches a value; already past if it has."""
        return time.monotonic_ns() + ns - self.ns()


def has_steady_tsc(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the host's time-stamp counter runs at one rate, in all sleep states, as Linux tells."""
    try:
        text = cpuinfo.read_text(errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return "constant_tsc" in flags and "nonstop_tsc" in flags


def calibrate(counter: Counter, duration_ns: int = CALIBRATION_NS, begin: tuple[int, int] | None = None) -> float:
    """The rate of a host counter in Hz, measured against `time.monotonic_ns` over `duration_ns` or more.

    `begin`: a `sample` of the counter from earlier, so that only what is left of the duration is waited for.
    """
    first_count, first_ns = begin or sample(counter)
    time.sleep(max(first_ns + duration_ns - time.monotonic_ns(), 0) / NANOSECONDS)
    last_count, last_ns = sample(counter)
    return (last_count - first_count & MASK64) * NANOSECONDS / (last_ns - first_ns)


def sample(counter: Counter) -> tuple[int, int]:
    """Counter and monotonic time of one moment: of several tries, the one that nothing came between."""
    best = None
    for _ in range(16):
        before = time.monotonic_ns()
        count = counter()
        after = time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = (after - before, count, (before + after) // 2)
    assert best is not None
    return best[1], best[2]
