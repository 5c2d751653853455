"""The alarm behind the event loop's timers."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator

import pytest

from pytcg.exec.events.alarm import Alarm
from pytcg.exec.events.eventloop import EventLoop

MS = 1_000_000


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    alarm = Alarm()
    yield alarm
    alarm.close()


def rings(alarm: Alarm, seconds: float) -> bool:
    return bool(select.select([alarm.fd], [], [], seconds)[0])


def test_goes_off_once_and_not_early(alarm: Alarm) -> None:
    deadline = time.monotonic_ns() + 5 * MS
    alarm.set(deadline)
    assert rings(alarm, 10) and time.monotonic_ns() >= deadline
    alarm.clear()
    assert not rings(alarm, 0.01)
    alarm.clear()


@pytest.mark.parametrize("deadline", [-5, 0, 1])
def test_times_that_are_past_are_now(alarm: Alarm, deadline: int) -> None:
    alarm.set(deadline)
    assert rings(alarm, 10)


def test_last_setting_holds(alarm: Alarm) -> None:
    alarm.set(0)
    alarm.set(time.monotonic_ns() + 3600 * 1000 * MS)
    assert not rings(alarm, 0.01)
    alarm.set(1 << 63)
    assert not rings(alarm, 0.01)


def test_arming_a_timer_does_not_wake_the_loop() -> None:
    with EventLoop() as loop:
        loop._awake = False
        loop.timer(loop.stop).arm(time.monotonic_ns() + MS)
        assert not loop._awake
        loop.run()
