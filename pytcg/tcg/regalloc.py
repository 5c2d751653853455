"""Register allocation: temporaries to host registers, or to spill slots when those run out.

Linear scan over live intervals (Poletto and Sarkar, "Linear scan register allocation", 1999). Back ends take spill
slots as operands of every op, so a spilled temporary needs no extra ops, and an interval lies in one place from
beginning to end. Each op reads its inputs before it writes its output; so an output may get the place of an input
that ends there.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from pytcg.tcg.ops import LABEL, OPERANDS, Op
from pytcg.tcg.passes.liveness import LABEL_OP, live_at_labels
from pytcg.tcg.state import NUM_SPILLS, SPILL, TEMP

# A native routine may run in the middle of a block, so their spill slots are apart.
BLOCK_SPILLS = range(SPILL, SPILL + NUM_SPILLS // 4)
NATIVE_SPILLS = range(SPILL + NUM_SPILLS // 4, SPILL + NUM_SPILLS)


class OutOfSpillSlotsError(ValueError):
    """More temporaries are live at once than there are registers and spill slots."""


def allocate(ops: list[Op], temps: int, pool: Sequence[int], slots: range = BLOCK_SPILLS) -> list[Op]:
    """Ops without temporaries: each is replaced by a host register of `pool` (operand numbers, preferred first) or a
    spill slot of `slots`. Unchanged ops when `temps` (how many temporaries were handed out) is 0.

    Raises OutOfSpillSlotsError.
    """
    if not temps:
        return ops
    if temps <= len(pool):
        return _rename(ops, dict(enumerate(pool, TEMP)))
    starts, ends, loops = _intervals(ops)
    if loops:
        _extend_over_loops(ops, starts, ends, loops)
    return _rename(ops, _assign(starts, ends, pool, slots))


def _rename(ops: list[Op], place: dict[int, int]) -> list[Op]:
    """The ops with each temporary replaced by its place."""
    result: list[Op] = []
    operands, append = OPERANDS, result.append
    for op in ops:
        for index in operands[op[0] >> 3]:
            if op[index] >= TEMP:
                op = (*op[:index], place[op[index]], *op[index + 1 :])
        append(op)
    return result


def _intervals(ops: list[Op]) -> tuple[dict[int, int], dict[int, int], list[tuple[int, int, int]]]:
    """First and last position of each temporary, and the loops: (label, start, end)."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    labels: dict[int, int] = {}
    loops: list[tuple[int, int, int]] = []
    operands, label_of = OPERANDS, LABEL
    for position, op in enumerate(ops):
        number = op[0] >> 3
        for index in operands[number]:
            temp = op[index]
            if temp >= TEMP:
                ends[temp] = position
                if temp not in starts:
                    starts[temp] = position
        if label_of[number]:
            label = op[label_of[number]]
            if number == LABEL_OP:
                labels[label] = position
            elif label in labels:
                loops.append((label, labels[label], position))
    return starts, ends, loops


def _extend_over_loops(
    ops: list[Op], starts: dict[int, int], ends: dict[int, int], loops: list[tuple[int, int, int]]
) -> None:
    """What is live at the head of a loop is live in all of it."""
    live_at = live_at_labels(ops)
    for label, start, end in loops:
        for temp in live_at[label]:
            starts[temp] = min(starts[temp], start)
            ends[temp] = max(ends[temp], end)


def _assign(starts: dict[int, int], ends: dict[int, int], pool: Sequence[int], slots: range) -> dict[int, int]:
    """A place for each temporary, by linear scan. When registers run out, the interval that ends last is spilled."""
    free = list(reversed(pool))
    place: dict[int, int] = {}
    spilled: list[int] = []
    active: list[int] = []
    for temp in sorted(starts, key=starts.__getitem__):
        start = starts[temp]
        for other in [other for other in active if ends[other] <= start]:
            active.remove(other)
            free.append(place[other])
        active.append(temp)
        if free:
            place[temp] = free.pop()
            continue
        victim = max(active, key=ends.__getitem__)
        active.remove(victim)
        spilled.append(victim)
        if victim != temp:
            place[temp] = place[victim]
    if spilled:
        _assign_slots(spilled, starts, ends, place, slots)
    return place


def _assign_slots(
    spilled: list[int], starts: dict[int, int], ends: dict[int, int], place: dict[int, int], slots: range
) -> None:
    """Spill slots for whole intervals, lowest slot first."""
    free = list(slots)
    heapify(free)
    active: list[tuple[int, int]] = []
    for temp in sorted(spilled, key=starts.__getitem__):
        while active and active[0][0] <= starts[temp]:
            heappush(free, heappop(active)[1])
        if not free:
            raise OutOfSpillSlotsError(f"no spill slot left for temporary {temp - TEMP}")
        place[temp] = heappop(free)
        heappush(active, (ends[temp], place[temp]))
