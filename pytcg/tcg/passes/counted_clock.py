"""For runs that go by executed instructions: the op `clock` gives their number instead of the host's counter."""

from __future__ import annotations

from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST, ENV, Layout
from pytcg.tcg.types import MO_64, Type

#: the counter is executed instructions << this: it must be faster than any timebase at the slowest rate
COUNT_SHIFT = 4
CLOCK, LD, SHL = (code(name, Type.I64) for name in ("clock", "ld", "shl"))


def counted_clock(ops: list[Op], layout: Layout) -> list[Op]:
    """The ops with each `clock` replaced; those without one as they are."""
    if not any(op[0] == CLOCK for op in ops):
        return ops
    executed = layout.offset["executed"]
    counted: list[Op] = []
    for op in ops:
        if op[0] == CLOCK:
            counted += ((LD, op[1], ENV, executed, MO_64), (SHL, op[1], op[1], CONST, COUNT_SHIFT))
        else:
            counted.append(op)
    return counted
