"""Removes assignments that nothing can see: one backward scan."""

from __future__ import annotations

from pytcg.tcg.ops import INPUTS, LABEL, OPS, OUT, Op, code
from pytcg.tcg.passes.liveness import live_at_labels
from pytcg.tcg.state import TEMP
from pytcg.tcg.types import Type

#: ops that may go when their output is dead
REMOVABLE = tuple(op.pure or op.name == "ld" for op in OPS)
#: ops where the whole CPU state must be exact: a fault, an exit, or another way to go on
OBSERVES = tuple(op.may_fault or op.ends_block or op.is_branch for op in OPS)
MOV = code("mov", Type.I64)
LABEL_CODE = code("label")


def eliminate_dead(ops: list[Op]) -> list[Op]:
    """Ops without dead assignments and without moves of an operand to itself.

    Guest registers are all live wherever the CPU state may be observed: at exits, branches, labels and faulting ops.
    """
    live_at = live_at_labels(ops) if LABEL_CODE in [op[0] for op in ops] else {}
    removable, observes, inputs, outputs, labels = REMOVABLE, OBSERVES, INPUTS, OUT, LABEL
    live: set[int] = set()
    overwritten: set[int] = set()
    kept: list[Op] = []
    for op in reversed(ops):
        number = op[0] >> 3
        out = outputs[number]
        if out:
            d = op[out]
            dead = d not in live if d >= TEMP else d in overwritten
            if removable[number] and (dead or (op[0] == MOV and d == op[2])):
                continue
            live.discard(d)
            overwritten.add(d)
        if observes[number]:
            overwritten.clear()
            if labels[number]:
                live |= live_at[op[labels[number]]]
        for index in inputs[number]:
            operand = op[index]
            if operand >= TEMP:
                live.add(operand)
            else:
                overwritten.discard(operand)
        kept.append(op)
    kept.reverse()
    return kept
