"""A small interpreter of the ops that native routines compile to."""

from __future__ import annotations

import ctypes

from pytcg.native import intrinsics
from pytcg.tcg.eval import condition, evaluator
from pytcg.tcg.ops import BY_NAME, LABEL, OUT, Op, definition
from pytcg.tcg.state import CONST, ENV, Env
from pytcg.tcg.types import MASK64

SIZES = {0: ctypes.c_uint8, 1: ctypes.c_uint16, 2: ctypes.c_uint32, 3: ctypes.c_uint64}


def run(ops: list[Op], env: Env, limit: int = 20000) -> int:
    """Execute ops until `ret`; temporaries that are read before they are assigned raise KeyError."""
    labels = {op[1]: index for index, op in enumerate(ops) if definition(op[0]).name == "label"}
    values: dict[int, int] = {ENV: env.address}
    index = 0
    for _ in range(limit):
        op = ops[index]
        row = definition(op[0])
        fields = dict(zip(row.fields, op[1:], strict=True))
        inputs = [
            fields["imm"] & MASK64 if operand == CONST else values[operand] for operand in (op[i] for i in row.inputs)
        ]
        index += 1
        match row.name:
            case "ret":
                return inputs[0]
            case "label":
                pass
            case "br":
                index = labels[fields["label"]]
            case "brcond":
                if condition(op[0], fields["cond"])(*inputs):
                    index = labels[fields["label"]]
            case "setcond":
                values[fields["d"]] = int(condition(op[0], fields["cond"])(*inputs))
            case "ld":
                values[fields["d"]] = SIZES[fields["mop"]].from_address(inputs[0] + fields["off"]).value
            case "st":
                SIZES[fields["mop"]].from_address(inputs[1] + fields["off"]).value = inputs[0]
            case "host_cmpxchg":
                values[fields["d"]] = intrinsics.cas64(*inputs)
            case "clock":
                values[fields["d"]] = intrinsics.clock()
            case "kernel_call":
                values[fields["d"]] = intrinsics.kernel_call(fields["number"], *inputs)
            case "movi":
                values[fields["d"]] = fields["imm"] & MASK64
            case _:
                values[fields["d"]] = evaluator(op[0])(*inputs)
    raise AssertionError("does not come to an end")


def check(ops: list[Op], temps: int) -> None:
    """What every user of the ops relies on: dense numbers, labels that exist, no CONST where the row has none."""
    labels = {op[1] for op in ops if definition(op[0]) is BY_NAME["label"]}
    for op in ops:
        row = definition(op[0])
        assert len(op) == len(row.fields) + 1
        assert all(type(member) is int for member in op)
        label = LABEL[row.number]
        assert not label or op[label] in labels
        for place in (OUT[row.number], *row.inputs):
            operand = op[place] if place else 128
            if operand == CONST:
                assert row.fields[place - 1] == "b"
                assert row.imm
            else:
                assert 128 <= operand < 128 + temps or (operand == ENV and row.name in ("ld", "st"))
