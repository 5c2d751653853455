"""Guest time in machine code, from the clock fields of the CPU state (see `exec/events/clock.py`)."""

from __future__ import annotations

from pytcg.native.function import native
from pytcg.native.intrinsics import clock, mulhu
from pytcg.tcg.state import Env


@native
def guest_time(env: Env) -> int:
    """Guest time in ticks of the timebase."""
    return int(env.clock_offset + mulhu(clock() - env.clock_start, env.clock_mult))
