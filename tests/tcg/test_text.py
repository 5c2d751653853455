"""Text form, builder, documentation of the op table, and the verifier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.tcg import docs
from pytcg.tcg.builder import Builder
from pytcg.tcg.ops import OPS, code
from pytcg.tcg.state import CONST
from pytcg.tcg.text import format_op, format_ops, parse_op, parse_ops
from pytcg.tcg.types import Type
from pytcg.tcg.verify import ENV_FIELDS, FLOAT_CONDITIONS, RANGES, VerifyError, verify

X = [f"x{i}" for i in range(32)]
NUMBERS = {name: number for number, name in enumerate(X)}

EXAMPLE = """\
    movi.i64 %t0, #-5
    add.i64 x5, x6, #16
    guest_ld.i64 x5, x2, off=8, mop=s32/m1, insn=4
    guest_st.i64 x5, %t0, off=-8, mop=u64/m3/align, insn=4
    ld.i64 %t0, env, off=8, mop=u64
    brcond.i32 x5, #0, ne, L1
    call %t0, x5, _, _, helper=9, insn=4
    movcond.u32 x1, %t0, x2, tsteq, x3, x0
    fma.f64 g33, g34, g35, g36, neg=2, rm=dyn
    fcvt_to_int.f32 x1, g34, itype=3, rm=rtz
    mb
L1:
    goto_tb delta=-8, insn=4
"""


def sampled(values):
    return st.integers(values.start, values.stop - 1) if isinstance(values, range) else st.sampled_from(values)


@st.composite
def any_op(draw):
    """Any op that the verifier accepts before allocation with 8 temporaries, operand classes included."""
    row = draw(st.sampled_from(OPS))
    values = {}
    for field in row.fields:
        if field == "label":
            values[field] = draw(st.integers(0, 9))
        elif field == "len":
            values[field] = draw(st.integers(1, 64 - values["pos"]))
        elif row.name == "fcmp" and field == "cond":
            values[field] = draw(st.sampled_from(FLOAT_CONDITIONS))
        elif field in RANGES:
            values[field] = draw(sampled(RANGES[field])) & -(2 if field == "insn" else 1)
        else:
            operands = [*range(field == "d", 64), *range(128, 136)]
            if row.name == "call" or (field == "b" and row.imm):
                operands.append(CONST)
            if ENV_FIELDS.get(row.name) == field:
                operands.append(112)
            values[field] = draw(st.sampled_from(operands))
    if row.imm and "b" in values and values["b"] != CONST:
        values["imm"] = 0
    return (code(row.name, draw(st.sampled_from(row.types))), *map(int, values.values()))


@given(st.lists(any_op(), max_size=5))
def test_printing_and_parsing_are_inverse(ops):
    assert parse_ops(format_ops(ops)) == ops
    assert parse_ops(format_ops(ops, X), NUMBERS) == ops


@given(any_op())
def test_the_verifier_accepts_every_such_op(op):
    try:
        verify([op], 8)
    except VerifyError as error:
        assert "op 0" not in str(error) or any(
            flow in str(error) for flow in ("no such label", "control runs off the end")
        )


def test_example_prints_as_it_was_read():
    assert format_ops(parse_ops(EXAMPLE, NUMBERS), X) == EXAMPLE


def test_comments_and_empty_lines_are_skipped():
    assert parse_ops("\n ; nothing\n mb ; all\n") == [(code("mb"),)]


@pytest.mark.parametrize(
    "line",
    [
        "frob.i64 g1, g2",
        "add g1, g2, g3",
        "add.f32 g1, g2, g3",
        "add.i64 g1, g2",
        "add.i64 #5, g2, g3",
        "add.i64 g1, q2, g3",
        "movi.i64 g1, g2",
        "guest_ld.i64 g1, g2, off=0, mop=u24, insn=0",
        "guest_ld.i64 g1, g2, 8, mop=u8, insn=0",
        "setcond.i64 g1, g2, g3, never",
    ],
)
def test_bad_lines_are_refused(line):
    with pytest.raises(ValueError, match="cannot read op"):
        parse_op(line)


def test_builder():
    b = Builder()
    t = b.temp()
    label = b.label()
    b.emit("movi", Type.I64, t, 3)
    b.place(label)
    b.binary_const("sub", t, t, 1)
    b.binary("add", 5, 5, t)
    b.emit("brcond", Type.I64, t, CONST, 0, 1, label)
    b.emit("ret", Type.NONE, 5)
    assert b.temps == 1
    assert [format_op(op) for op in b.ops] == [
        "movi.i64 t0, #3",
        "L0:",
        "sub.i64 t0, t0, #1",
        "add.i64 g5, g5, t0",
        "brcond.i64 t0, #0, ne, L0",
        "ret t0".replace("t0", "g5"),
    ]
    verify(b.ops, b.temps)
    with pytest.raises(ValueError, match="add takes d, a, b, imm"):
        b.emit("add", Type.I64, 1, 2, 3)
    with pytest.raises(ValueError, match="no type"):
        b.emit("add", Type.F32, 1, 2, 3, 0)


def test_documentation_is_up_to_date():
    assert docs.PATH.read_text() == docs.render(), "run python -m pytcg.tcg.docs"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no ops"),
        ("add.i64 g0, g1, #1\n goto_tb delta=4, insn=0", "may not be d"),
        ("add.i64 h1, g1, #1\n goto_tb delta=4, insn=0", "may not be d"),
        ("add.i64 s1, g1, #1\n goto_tb delta=4, insn=0", "may not be d"),
        ("mov.i64 g1, env\n goto_tb delta=4, insn=0", "may not be a"),
        ("add.i64 t5, g1, #1\n goto_tb delta=4, insn=0", "may not be d"),
        ("mov.i64 g1, _\n goto_tb delta=4, insn=0", "may not be a"),
        ("extract.i64 g1, g1, pos=60, len=5\n goto_tb delta=4, insn=0", "bit field"),
        ("guest_ld.i64 g1, g1, off=0x80000000, mop=u8, insn=0\n goto_tb delta=4, insn=0", "off out of range"),
        ("goto_tb delta=4, insn=1", "insn out of range"),
        ("fcmp.f64 g1, g33, g34, ne\n goto_tb delta=4, insn=0", "condition"),
        ("mov.i64 g1, g2", "runs off the end"),
        ("goto_tb delta=4, insn=0\n mov.i64 g1, g2\n goto_tb delta=4, insn=0", "not the last op"),
        ("br L1", "no such label"),
        ("L1:\n L1:\n br L1", "placed twice"),
        ("mov.i64 g1, t0\n goto_tb delta=4, insn=0", "temporary 0 may be used"),
        ("brcond.i64 g1, #0, eq, L1\n movi.i64 t0, #1\n L1:\n goto_ptr t0", "temporary 0 may be used"),
    ],
)
def test_verifier_refuses(text, fault):
    with pytest.raises(VerifyError, match=fault):
        verify(parse_ops(text), 1)


def test_verifier_knows_phases():
    before = parse_ops("movi.i64 t0, #1\n goto_ptr t0")
    after = parse_ops("movi.i64 h0, #1\n mov.i64 s0, h0\n goto_ptr s0")
    verify(before, 1)
    verify(after, 0, allocated=True)
    with pytest.raises(VerifyError):
        verify(before, 1, allocated=True)
    with pytest.raises(VerifyError):
        verify(after, 0)
    verify(after[:1] + parse_ops("goto_ptr h0"), 0, host_registers=True)


def test_verifier_refuses_what_is_no_op():
    for op in ((), (-8,), (len(OPS) << 3,), (code("mb") | 1,), (code("mb"), 1), (code("add", Type.I64), 1, 2, 3, 4)):
        with pytest.raises(VerifyError):
            verify([op, (code("goto_tb"), 4, 0)], 0)
