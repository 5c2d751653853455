"""Each rewrite rule of the optimiser holds for all values of its inputs: z3 proves both sides equal.

The rules come from the table that the optimiser runs, so one without a proof cannot be added to it.
"""

from __future__ import annotations

import pytest
from z3 import BitVec, Solver, unsat

from pytcg.tcg.ops import Op, definition
from pytcg.tcg.passes.rules import BY_SHAPE, RULES, VARIABLES, expand, rewrite
from pytcg.tcg.state import CONST
from tests.tcg.bitvectors import Term, constant, formula

#: what the operands of a rule hold: anything, but for the register that reads as zero
VALUES = {VARIABLES["a"]: BitVec("a", 64), VARIABLES["b"]: BitVec("b", 64), 0: constant(0)}


def output(op: Op) -> Term:
    """What one side of a rule makes of `d`."""
    row = definition(op[0])
    given = dict(zip(row.fields, op[1:], strict=True))
    inputs = [constant(given["imm"]) if op[n] == CONST else VALUES[op[n]] for n in row.inputs]
    rest = [value for name, value in given.items() if name == "cond" or (name == "imm" and "b" not in given)]
    return formula(op[0], *inputs, *rest)


def proved(left: Op, right: Op) -> bool:
    """Whether no values of the inputs tell the two sides apart."""
    solver = Solver()
    solver.add(output(left) != output(right))
    return bool(solver.check() == unsat)


@pytest.mark.parametrize(("pattern", "replacement"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_rule_holds(pattern: str, replacement: str) -> None:
    for left, right in expand(pattern, replacement):
        assert left[1] == right[1] == VARIABLES["d"]
        assert proved(left, right)
        assert rewrite(left) == right


def test_the_optimiser_runs_no_other_rules() -> None:
    assert sum(map(len, BY_SHAPE.values())) == sum(len(expand(*sides)) for _, *sides in RULES)


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("add.i32 d, a, #0", "mov.i64 d, a"),
        ("add.i64 d, a, #0", "mov.i64 d, b"),
        ("and.* d, a, #-1", "mov.i64 d, a"),
        ("orc.* d, a, a", "movi.i64 d, #-1"),
        ("sub.* d, zero, b", "not.* d, b"),
        ("shl.* d, zero, b", "mov.i64 d, b"),
        ("mul.* d, a, #-1", "not.* d, a"),
        ("divu.i64 d, a, #-1", "movi.i64 d, #0"),
        ("rem.* d, a, #-1", "mov.i64 d, a"),
        ("setcond.* d, a, #0, lt", "movi.i64 d, #0"),
        ("setcond.* d, a, a, le", "movi.i64 d, #0"),
    ],
)
def test_a_wrong_rule_is_refuted(pattern: str, replacement: str) -> None:
    assert not all(proved(left, right) for left, right in expand(pattern, replacement))
