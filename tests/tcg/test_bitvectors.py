"""The two statements of what ops compute agree: ints of `tcg/eval.py`, and the formulas that proofs are made of."""

from __future__ import annotations

import random

import pytest
from z3 import simplify

from pytcg.tcg.eval import evaluator
from pytcg.tcg.ops import OPS, OpDef, code
from pytcg.tcg.types import Cond
from tests.tcg.bitvectors import FORMULAS, constant, formula
from tests.tcg.words import WORDS, word

PURE = [row for row in OPS if row.pure]


def test_every_pure_op_has_a_formula() -> None:
    assert {row.name for row in PURE} == FORMULAS.keys() | {"movcond"}


def extras(row: OpDef, rng: random.Random) -> list[int]:
    """Fields that are no operands."""
    pos = rng.choice((0, 0, rng.randrange(64)))
    length = rng.choice((1, 8, 16, 32, 64 - pos, rng.randint(1, 64 - pos)))
    choices = {"cond": rng.choice(list(Cond)), "pos": pos, "len": min(length, 64 - pos)}
    return [choices[name] for name in row.fields if name in choices]


@pytest.mark.parametrize("row", PURE, ids=lambda row: row.name)
def test_formula(row: OpDef) -> None:
    rng = random.Random(row.name)
    inputs = 1 if row.name == "pc_rel" else len(row.inputs)
    edges = [(a, b) for a in WORDS for b in WORDS] if inputs == 2 else [(a, a) for a in WORDS]
    for type in row.types:
        op_code = code(row.name, type)
        for pair in rng.sample(edges, min(len(edges), 12)) + [(word(rng), word(rng)) for _ in range(12)]:
            values = [*pair, word(rng), word(rng)][:inputs]
            rest = [word(rng)] if row.name in ("movi", "pc_rel") else extras(row, rng)
            expected = evaluator(op_code)(*values, *rest)
            result = simplify(formula(op_code, *map(constant, values), *rest))
            assert result.as_long() == expected, (type.name, [hex(value) for value in values], rest)
