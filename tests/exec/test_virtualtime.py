"""Guest time by executed instructions: the clock, its timers, and what a waiting vCPU makes of it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.exec.events.virtualtime import NO_LIMIT, VirtualTime
from pytcg.tcg.ops import code
from pytcg.tcg.passes.counted_clock import COUNT_SHIFT, counted_clock
from pytcg.tcg.state import CONST, ENV, TEMP, Layout
from pytcg.tcg.types import MO_64, Type

TIMEBASE = 10_000_000


@dataclass
class State:
    """The fields of a vCPU's state that matter."""

    executed: int = 0
    limit: int = 0
    clock_start: int = 0
    clock_mult: int = 0
    clock_offset: int = 0
    alarm_mult: int = 0
    changes: list[int] = field(default_factory=list)


def virtual_time(shift: int = 3, sleep: bool = False) -> tuple[VirtualTime, State]:
    virtual = VirtualTime(shift, sleep, TIMEBASE, threading.RLock(), lambda callback: callback())
    state = State()
    virtual.env = state
    virtual.clock.attach(state, lambda: state.changes.append(1))
    return virtual, state


@pytest.mark.parametrize("shift", [0, 3, 7, 10])
def test_an_instruction_takes_its_time(shift: int) -> None:
    virtual, state = virtual_time(shift)
    state.executed = 1_000_000
    assert abs(virtual.clock.ns() - (1_000_000 << shift)) <= 100
    assert virtual.clock.ticks() == virtual.clock.ns() * TIMEBASE // 1_000_000_000


@given(st.integers(0, 10), st.integers(0, 10**12), st.integers(0, 10**9))
def test_the_limit_is_the_first_instruction_at_which_the_deadline_has_come(shift: int, ns: int, executed: int) -> None:
    virtual, state = virtual_time(shift)
    state.executed = executed
    virtual.timer(lambda: None).arm(ns)
    limit = state.limit
    state.executed = limit
    assert virtual.clock.ns() >= ns
    if limit > 0:
        state.executed = limit - 1
        assert virtual.clock.ns() < ns


def test_timers_fire_in_order_and_the_limit_follows() -> None:
    virtual, state = virtual_time()
    fired: list[str] = []
    late, early = virtual.timer(lambda: fired.append("late")), virtual.timer(lambda: fired.append("early"))
    late.arm(2000)
    early.arm(1000)
    assert state.limit == 125
    virtual.run_due()
    assert fired == []
    state.executed = 125
    virtual.run_due()
    assert (fired, state.limit) == (["early"], 250)
    late.cancel()
    state.executed = 1000
    virtual.run_due()
    assert fired == ["early"] and state.limit >= NO_LIMIT >> COUNT_SHIFT


@pytest.mark.parametrize("sleep", [False, True])
def test_a_waiting_cpu_lets_time_jump(sleep: bool) -> None:
    virtual, state = virtual_time(sleep=sleep)
    virtual.timer(lambda: None).arm(20_000_000)
    start = time.monotonic()
    virtual.wait(threading.Event())
    assert (time.monotonic() - start > 0.015) is sleep
    assert 20_000_000 <= virtual.clock.ns() < 20_000_200 and state.executed == 0
    assert state.clock_start == virtual.clock.start


def test_a_waiting_cpu_is_woken_from_outside_at_no_guest_time() -> None:
    virtual, _ = virtual_time(sleep=True)
    wakeup = threading.Event()
    wakeup.set()
    virtual.wait(wakeup)
    virtual.timer(lambda: None).arm(10**12)
    virtual.wait(wakeup)
    assert virtual.clock.ns() == 0


def test_the_op_clock_is_replaced() -> None:
    layout, clock = Layout(), code("clock", Type.I64)
    mov = (code("mov", Type.I64), 5, TEMP)
    assert counted_clock([mov], layout) == [mov]
    assert counted_clock([(clock, TEMP), mov], layout) == [
        (code("ld", Type.I64), TEMP, ENV, layout.offset["executed"], MO_64),
        (code("shl", Type.I64), TEMP, TEMP, CONST, COUNT_SHIFT),
        mov,
    ]
