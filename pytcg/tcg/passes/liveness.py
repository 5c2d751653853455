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
    events = [event for event in map(_event, reversed(ops)) if event]
    live_at: dict[int, frozenset[int]] = {}
    nothing: frozenset[int] = frozenset()
    while True:
        before = dict(live_at)
        live: set[int] = set()
        for ends, placed, target, output, inputs in events:
            if ends:
                live.clear()
            if placed is not None:
                live_at[placed] = frozenset(live)
            elif target is not None:
                live |= live_at.get(target, nothing)
            live.discard(output)
            live.update(inputs)
        live_at[ENTRY] = frozenset(live)
        if live_at == before:
            return live_at


def _event(op: Op) -> tuple[bool, int | None, int | None, int, tuple[int, ...]] | None:
    """What an op does to what is live; None for nothing.

    Whether control does not go on after it, the label that it is, the label that it may branch to, the temporary that
    it writes (0: none), those that it reads.
    """
    number = op[0] >> 3
    inputs = tuple(op[index] for index in INPUTS[number] if op[index] >= TEMP)
    out = OUT[number]
    output = op[out] if out and op[out] >= TEMP else 0
    ends = number in BARRIERS
    label = op[LABEL[number]] if LABEL[number] else None
    if label is None and not (ends or output or inputs):
        return None
    return (ends, label, None, output, inputs) if number == LABEL_OP else (ends, None, label, output, inputs)
