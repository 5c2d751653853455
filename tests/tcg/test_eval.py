"""Evaluators: every pure row has one, and what they compute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.tcg.eval import FUNCTIONS, atomic_update, condition, evaluator, extend
from pytcg.tcg.ops import OPS, code
from pytcg.tcg.types import MASK32, MASK64, SWAPPED, Cond, Type, sext

WORDS = st.one_of(st.integers(0, MASK64), st.sampled_from([0, 1, MASK64, 1 << 63, (1 << 63) - 1, 1 << 31, MASK32]))
MIN64, MIN32 = 1 << 63, MASK64 - (1 << 31) + 1
ALL = MASK64


@pytest.mark.parametrize("row", [row for row in OPS if row.pure], ids=lambda row: row.name)
def test_every_pure_row_has_an_evaluator(row):
    for type in row.types:
        assert callable(evaluator(code(row.name, type)))


def test_no_evaluator_without_a_row():
    assert set(FUNCTIONS) == {row.name for row in OPS if row.pure}


@pytest.mark.parametrize(
    ("name", "type", "inputs", "result"),
    [
        ("add", Type.I64, (ALL, 1), 0),
        ("add", Type.I32, (0x7FFFFFFF, 1), MIN32),
        ("add", Type.U32, (0x7FFFFFFF, 1), 0x80000000),
        ("sub", Type.I32, (0, 1), ALL),
        ("sub", Type.U32, (0, 1), MASK32),
        ("shl", Type.I64, (1, 64), 1),
        ("shl", Type.I32, (1, 31), MIN32),
        ("shl", Type.I32, (1, 33), 2),
        ("shr", Type.I32, (ALL, 4), 0x0FFFFFFF),
        ("shr", Type.I32, (ALL, 32), ALL),
        ("sar", Type.I64, (MIN64, 63), ALL),
        ("sar", Type.U32, (0x80000000, 4), 0xF8000000),
        ("rotl", Type.I64, (MIN64 | 2, 1), 5),
        ("rotr", Type.I32, (1, 1), MIN32),
        ("mulsh", Type.I64, (ALL, ALL), 0),
        ("muluh", Type.I64, (ALL, ALL), ALL - 1),
        ("mulsuh", Type.I64, (ALL, ALL), ALL),
        ("div", Type.I64, (5, 0), ALL),
        ("div", Type.I64, (MIN64, ALL), MIN64),
        ("div", Type.I64, (ALL - 6, 2), ALL - 2),
        ("div", Type.I32, (0x80000000, MASK32), MIN32),
        ("divu", Type.I32, (7, 0), ALL),
        ("divu", Type.U32, (7, 0), MASK32),
        ("rem", Type.I64, (MIN64, ALL), 0),
        ("rem", Type.I64, (ALL - 6, 4), ALL - 2),
        ("rem", Type.I32, (0x80000001, 0), MIN32 + 1),
        ("remu", Type.I32, (0x80000001, 1 << 32), MIN32 + 1),
        ("umin", Type.I32, (0x80000000, 0x90000000), MIN32),
        ("smax", Type.I64, (ALL, 3), 3),
        ("clmul", Type.I64, (3, 3), 5),
        ("clmul", Type.I64, (ALL, 2), ALL - 1),
        ("clmulh", Type.I64, (ALL, 2), 1),
        ("clz", Type.I32, (1,), 31),
        ("clz", Type.I64, (0,), 64),
        ("ctz", Type.I32, (1 << 32,), 32),
        ("ctz", Type.I64, (8,), 3),
        ("ctpop", Type.I32, (ALL,), 32),
        ("bswap", Type.I64, (0x0102030405060708,), 0x0807060504030201),
        ("bswap", Type.I32, (0x80,), MIN32),
        ("orc_b", Type.I64, (0x0100_0000_8000_0001,), 0xFF00_0000_FF00_00FF),
        ("extract", Type.I64, (0xABCD, 4, 8), 0xBC),
        ("sextract", Type.I64, (0xABCD, 4, 8), ALL - 0x43),
        ("extract", Type.I64, (ALL, 0, 64), ALL),
        ("deposit", Type.I64, (ALL, 0x12, 4, 8), ALL - 0xFFF + 0x12F),
        ("setcond", Type.I32, (1 << 32, 0, Cond.EQ), 1),
        ("setcond", Type.I64, (ALL, 0, Cond.LT), 1),
        ("movcond", Type.I32, (0, 1, ALL, 5, Cond.LTU), ALL),
        ("movcond", Type.I64, (0, 1, ALL, 5, Cond.GTU), 5),
        ("movi", Type.I64, (-1,), ALL),
        ("pc_rel", Type.I64, (0x1000, -0x2000), ALL - 0xFFF),
    ],
)
def test_results(name, type, inputs, result):
    assert evaluator(code(name, type))(*inputs) == result


@given(WORDS, WORDS)
def test_quotient_and_remainder_recompose(a, b):
    for type in (Type.I32, Type.I64):
        div, rem, mul, add = (evaluator(code(name, type)) for name in ("div", "rem", "mul", "add"))
        divu, remu = (evaluator(code(name, type)) for name in ("divu", "remu"))
        home = evaluator(code("add", type))(a, 0)
        assert add(mul(div(a, b), b), rem(a, b)) == home
        assert add(mul(divu(a, b), b), remu(a, b)) == home


@given(WORDS, WORDS)
def test_high_and_low_halves_are_the_product(a, b):
    low = evaluator(code("mul", Type.I64))(a, b)
    for name, x, y in (
        ("muluh", a, b),
        ("mulsh", sext(a, 64), sext(b, 64)),
        ("mulsuh", sext(a, 64), b),
    ):
        assert (evaluator(code(name, Type.I64))(a, b) << 64 | low) == x * y % (1 << 128)


@given(WORDS, WORDS, st.sampled_from([Type.I32, Type.U32, Type.I64]))
def test_conditions_inverted_by_their_lowest_bit_and_of_exchanged_inputs(a, b, type):
    op_code = code("brcond", type)
    for cond in Cond:
        assert condition(op_code, cond)(a, b) != condition(op_code, cond ^ 1)(a, b)
        assert condition(op_code, cond)(a, b) == condition(op_code, SWAPPED[cond])(b, a)


@given(WORDS, st.sampled_from([row for row in OPS if row.pure and row.imm and row.types[0] == Type.I32]))
def test_32_bit_ops_ignore_upper_halves_and_extend(a, row):
    extra = {"setcond": (0,), "movcond": (1, 2, 0)}.get(row.name, ())
    for type in (Type.I32, Type.U32):
        function = evaluator(code(row.name, type))
        result = function(a, 77, *extra)
        assert result == function(a & MASK32, 77 | 1 << 40, *extra)
        assert result == (sext(result, 32) & MASK64 if type == Type.I32 else result & MASK32)


@given(WORDS, WORDS)
def test_carryless_product_distributes_over_xor(a, b):
    for name in ("clmul", "clmulh"):
        function = evaluator(code(name, Type.I64))
        assert function(a, b) == function(a, b & 0xFFFF) ^ function(a, b & ~0xFFFF)


def test_extend():
    assert extend(0x1FF, 0) == 0xFF
    assert extend(0x80, 4) == ALL - 0x7F
    assert extend(ALL, 7) == ALL


def test_atomic_updates_compare_at_their_size():
    assert atomic_update("atomic_umax", 2)(ALL, 0x12345678_00000001) == ALL
    assert atomic_update("atomic_smax", 2)(ALL, 0x12345678_00000001) == 1
    assert atomic_update("atomic_xchg", 3)(5, 6) == 6
    assert atomic_update("atomic_cmpxchg", 2)(ALL, MASK32, 9) == 9
    assert atomic_update("atomic_cmpxchg", 3)(ALL, MASK32, 9) == ALL
