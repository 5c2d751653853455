"""Guest time from a host counter."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.exec.events.clock import Clock, calibrate, has_steady_tsc

MASK64 = 2**64 - 1


class Counter:
    def __init__(self, value: int = 0) -> None:
        self.value = value

    def __call__(self) -> int:
        return self.value


@given(start=st.integers(0, MASK64), passed=st.integers(0, 2**62), hz=st.floats(1.1e7, 1e10))
def test_ticks_are_a_fraction_of_the_counter(start: int, passed: int, hz: float) -> None:
    counter = Counter(start)
    clock = Clock(counter, hz)
    counter.value = (start + passed) & MASK64
    exact = passed * 10_000_000 / hz
    assert abs(clock.ticks() - exact) <= 1 + exact * 1e-12
    assert clock.ticks() == (clock.offset + ((counter.value - clock.start & MASK64) * clock.mult >> 64)) & MASK64


def test_setting_the_time_leaves_elapsed_time_alone() -> None:
    counter = Counter(5)
    clock = Clock(counter, 1e9)
    env = SimpleNamespace(clock_start=0, clock_mult=0, clock_offset=0, alarm_mult=0)
    changes: list[int] = []
    clock.attach(env, lambda: changes.append(clock.ticks()))
    assert (env.clock_start, env.clock_mult) == (5, clock.mult)
    assert env.alarm_mult == 2**64 // 10_000_000
    counter.value += 1_000_000
    clock.set_ticks(77)
    assert clock.ticks() == 77
    assert abs(clock.ns() - 1_000_000) <= 100
    assert env.clock_offset == clock.offset
    counter.value += 1_000
    assert clock.ticks() in (86, 87)
    clock.set_ticks(0)
    assert clock.ticks() == 0
    assert changes == [77, 0]
    assert abs(clock.span_ns(12345) - 12345) <= 1


def test_time_is_10_mhz_of_the_host() -> None:
    clock = Clock()
    first, ticks, second = time.monotonic_ns(), clock.ticks(), time.monotonic_ns()
    time.sleep(0.01)
    third, later, fourth = time.monotonic_ns(), clock.ticks(), time.monotonic_ns()
    assert third - second - 1000 <= (later - ticks) * 100 <= fourth - first + 1000


def test_deadlines_are_reached_when_they_say() -> None:
    clock = Clock()

    def errors() -> tuple[int, int]:
        """How far deadlines are from when they should be, in ns, as seen by a thread that may be interrupted."""
        now, target, target_ns = time.monotonic_ns(), clock.ticks() + 20_000, clock.ns() + 5_000
        return abs(clock.deadline(target) - now - 2_000_000), abs(clock.deadline_ns(target_ns) - now - 5_000)

    assert all(min(found) < 1_000_000 for found in zip(*(errors() for _ in range(20)), strict=True))
    assert clock.deadline(0) < time.monotonic_ns()


def test_a_slow_counter_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot drive"):
        Clock(Counter(), 10_000_000)


def test_calibration() -> None:
    assert calibrate(lambda: time.perf_counter_ns() * 3, 2_000_000) == pytest.approx(3e9, rel=1e-2)


def test_steady_tsc(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    assert not has_steady_tsc(info)
    info.write_text("processor\t: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n")
    assert has_steady_tsc(info)
    info.write_text("flags\t\t: fpu tsc constant_tsc\n")
    assert not has_steady_tsc(info)
