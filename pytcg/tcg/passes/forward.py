"""Keeps a value in a host register from where a block computes it to where the block uses it.

A global without a host register of its own lies in the CPU state. To read it soon after it was written costs the time
that a store takes to reach a load (7 or 8 cycles on the host measured), which a loop may wait for in each round;
so a block that is likely to run often takes it from a register that is free there. It is still written.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from pytcg.tcg.ops import FLOAT, OPERANDS, OPS, OUT, Op, OpDef, code
from pytcg.tcg.types import Type

MOV = code("mov", Type.I64)
EXITS = frozenset(op.number for op in OPS if op.name in ("brcond_tb", "goto_tb"))
#: ops at which globals may change, or control join
_STOPS = frozenset(op.number for op in OPS if op.name in ("call", "label"))
#: for each op where its output is; 0: none, or one that is better written at once
OUTPUTS = tuple(0 if op.types is FLOAT else op.out for op in OPS)


def _places(op: OpDef) -> tuple[int, ...]:
    """The inputs of an op that may come from the register. An address may not: it has its register's slot."""
    if op.name == "guest_st":
        return (1,)
    return () if op.may_fault or op.types is FLOAT else op.inputs


#: by op, the inputs that may come from the register
PLACES = tuple(_places(op) for op in OPS)


def is_loop(ops: Sequence[Op]) -> bool:
    """Whether a block ends in a branch backward: it is the end of a loop, or all of it."""
    backward = False
    for op in ops[-2:]:  # no generator: this is asked of every block
        if op[0] >> 3 in EXITS and op[-2] <= op[-1]:
            backward = True
    return backward


def forward(ops: list[Op], cold: Container[int], register: int) -> list[Op]:
    """Equivalent allocated ops that read globals of `cold` from a host register where they can, unless ops use it.

    It holds one global at a time, whichever comes first.
    """
    operands = OPERANDS
    for op in ops:
        for index in operands[op[0] >> 3]:
            if op[index] == register:
                return ops
    out: list[Op] = []
    held = until = -1
    for position, op in enumerate(ops):
        number = op[0] >> 3
        if held >= 0:
            for index in PLACES[number]:
                if op[index] == held:
                    op = (*op[:index], register, *op[index + 1 :])
            if position == until:
                held = -1
        at = OUTPUTS[number]
        if held < 0 and at and op[at] in cold and (last := _last_use(ops, position, op[at])):
            held, until = op[at], last
            out += ((*op[:at], register, *op[at + 1 :]), (MOV, held, register))
        else:
            out.append(op)
    return out


def _last_use(ops: list[Op], position: int, value: int) -> int:
    """Position of the last op that may take from a register what the op at `position` assigns to a global; 0: none."""
    last = 0
    for at in range(position + 1, len(ops)):
        op = ops[at]
        number = op[0] >> 3
        if number in _STOPS:
            break
        for index in PLACES[number]:
            if op[index] == value:
                last = at
        if OUT[number] and op[OUT[number]] == value:
            break
    return last
