"""Integer ops as machine code agree with the evaluator: types, operand shapes, aliases, edges of constants."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from pytcg.backend.base import Status
from pytcg.tcg.eval import FUNCTIONS, evaluator
from pytcg.tcg.ops import BY_NAME, INPUT_FIELDS, OpDef, code
from pytcg.tcg.state import CONST
from pytcg.tcg.types import MASK64, Cond, Type
from tests.backend.machine_code import HOT, PC, Machine, word

IMMEDIATES = (
    0,
    1,
    -1,
    5,
    127,
    128,
    -128,
    -129,
    2**31 - 1,
    2**31,
    -(2**31),
    -(2**31) - 1,
    2**32 - 1,
    2**63,
    -(2**63),
    2**64 - 1,
    0x123456789ABC,
)
#: hot and other globals, the zero register, a host register, spill slots
BLOCK_OPERANDS = (15, 2, 14, 10, 20, 21, 40, 0, 79, 80, 81)
NATIVE_OPERANDS = (67, 70, 71, 72, 77, 78, 79, 80, 81)
ROWS = [BY_NAME[name] for name in FUNCTIONS if name != "pc_rel"]


def random_fields(row: OpDef, rng: random.Random, operands: tuple[int, ...]) -> Iterator[int]:
    """Values of the fields of an op after its code, from few operands so that they alias often."""
    few = rng.sample(operands, 3)
    pos = rng.randrange(64)
    for name in row.fields:
        if name == "d":
            yield rng.choice([n for n in few if n])
        elif name == "b" and "imm" in row.fields and rng.random() < 0.4:
            yield CONST
        elif name in INPUT_FIELDS:
            yield rng.choice(few)
        elif name == "imm":
            yield rng.choice(IMMEDIATES)
        elif name == "cond":
            yield rng.choice(list(Cond))
        else:
            yield (
                pos
                if name == "pos"
                else rng.choice((64 - pos, rng.randint(1, 64 - pos), min(8, 64 - pos), min(32, 64 - pos)))
            )


def arguments(row: OpDef, fields: dict[str, int], values: dict[int, int]) -> tuple[list[int], list[int]]:
    """What the evaluator is called with: the values of the inputs, and the other fields."""
    imm = fields.get("imm", 0)
    inputs = [imm & MASK64 if fields[n] == CONST else values[fields[n]] for n in row.fields if n in INPUT_FIELDS]
    others = [fields[n] for n in row.fields if n not in INPUT_FIELDS and n not in ("d", "imm")]
    return ([imm] if row.name == "movi" else inputs), others


def check(machine: Machine, row: OpDef, type: Type, rng: random.Random, operands: tuple[int, ...]) -> None:
    if row.name in ("extract", "sextract", "deposit") and rng.random() < 0.3:
        fields = dict(zip(row.fields, random_fields(row, rng, operands), strict=True)) | {
            "pos": 0,
            "len": rng.choice((8, 16, 31, 32, 33, 64)),
        }
    else:
        fields = dict(zip(row.fields, random_fields(row, rng, operands), strict=True))
    values = {n: word(rng) if n else 0 for n in operands}
    for operand, value in values.items():
        machine.set(operand, value)
    inputs, others = arguments(row, fields, values)
    op = (code(row.name, type), *fields.values())
    expected = dict(values)
    expected[fields["d"]] = evaluator(op[0])(*inputs, *others)
    assert machine.run([op], [n for n in operands if 64 <= n < 80]) == Status.LOOKUP
    assert machine.env.pc == PC
    assert {n: machine.get(n) for n in operands} == expected, (row.name, type.name, op, values)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_op(row: OpDef) -> None:
    rng = random.Random(row.name)
    block, native = Machine(HOT), Machine(())
    for type in row.types:
        for _ in range(25):
            check(block, row, type, rng, BLOCK_OPERANDS)
            check(native, row, type, rng, NATIVE_OPERANDS)


def test_sequences() -> None:
    """Blocks of random ops, each of which may use what those before it made."""
    rng = random.Random(1)
    machine = Machine(HOT)
    for _ in range(40):
        values = {n: word(rng) if n else 0 for n in BLOCK_OPERANDS}
        for operand, value in values.items():
            machine.set(operand, value)
        ops = []
        for row in rng.choices(ROWS, k=12):
            type = rng.choice(row.types)
            fields = dict(zip(row.fields, random_fields(row, rng, BLOCK_OPERANDS), strict=True))
            ops.append((code(row.name, type), *fields.values()))
            inputs, others = arguments(row, fields, values)
            values[fields["d"]] = evaluator(ops[-1][0])(*inputs, *others)
        assert machine.run(ops, [79]) == Status.LOOKUP
        assert {n: machine.get(n) for n in BLOCK_OPERANDS} == values, ops
