"""Which temporaries are live at the labels of a block, loops included: a backward data-flow analysis."""

from __future__ import annotations

from collections.abc import Sequence

from pytcg.tcg.ops import INPUTS, LABEL, OPS, OUT, Op
from pytcg.tcg.state import TEMP

#: key of the temporaries live where the ops begin
ENTRY = -1

LABEL_OP = next(op.number for op in OPS if op.name == "label")
#: ops after which control does not go on to the next op
BARRIERS = frozenset(op.number for op in OPS if op.ends_block or op.name == "br")


def live_at_labels(ops: Sequence[Op]) -> dict[int, frozenset[int]]:
    """Temporaries live at each label, and at ENTRY.

    One backward scan settles blocks without loops; a backward branch meets a label that has not been scanned yet, so
    scans repeat until nothing changes. Raises nothing: a branch to a label that does not exist has nothing live at
    its target.
    """
    live_at: dict[int, frozenset[int]] = {}
    while True:
        before = dict(live_at)
        live: set[int] = set()
        for op in reversed(ops):
            number = op[0] >> 3
            if number in BARRIERS:
                live.clear()
            if label := LABEL[number]:
                if number == LABEL_OP:
                    live_at[op[label]] = frozenset(live)
                else:
                    live |= live_at.get(op[label], frozenset())
            out = OUT[number]
            if out and op[out] >= TEMP:
                live.discard(op[out])
            for index in INPUTS[number]:
                if op[index] >= TEMP:
                    live.add(op[index])
        live_at[ENTRY] = frozenset(live)
        if live_at == before:
            return live_at
