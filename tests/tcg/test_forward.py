"""Values held in a host register between ops of a block: text in, text out, and random blocks run both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.tcg.eval import evaluator
from pytcg.tcg.ops import code
from pytcg.tcg.passes.forward import forward, is_loop
from pytcg.tcg.state import HOST_REG
from pytcg.tcg.text import format_ops, parse_ops
from pytcg.tcg.types import Type

H = HOST_REG
END = "brcond_tb.i64 g10, g11, ne, delta=0, insn=8 ; goto_tb delta=16, insn=8"
COLD = frozenset((5, 6, 7))
ADD, XOR, MOV = (code(name, Type.I64) for name in ("add", "xor", "mov"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # read once, read again, written anew
        (
            "shl.i64 g6, g15, #7 ; xor.i64 g15, g15, g6",
            "shl.i64 h0, g15, #7 ; mov.i64 g6, h0 ; xor.i64 g15, g15, h0",
        ),
        (
            "add.i64 g6, g6, #1 ; mov.i64 g10, g6 ; mov.i64 g6, g10 ; mov.i64 g11, g6",
            "add.i64 h0, g6, #1 ; mov.i64 g6, h0 ; mov.i64 g10, h0 ; "
            "mov.i64 h0, g10 ; mov.i64 g6, h0 ; mov.i64 g11, h0",
        ),
        # read and written anew by one op
        (
            "mov.i64 g5, g10 ; add.i64 g5, g5, g11 ; mov.i64 g12, g5",
            "mov.i64 h0, g10 ; mov.i64 g5, h0 ; add.i64 h0, h0, g11 ; mov.i64 g5, h0 ; mov.i64 g12, h0",
        ),
        # one at a time
        (
            "mov.i64 g5, g10 ; mov.i64 g6, g11 ; add.i64 g12, g5, g6",
            "mov.i64 h0, g10 ; mov.i64 g5, h0 ; mov.i64 g6, g11 ; add.i64 g12, h0, g6",
        ),
        # stored, but no address
        (
            "mov.i64 g5, g10 ; guest_st.i64 g5, g5, off=0, mop=u64, insn=2",
            "mov.i64 h0, g10 ; mov.i64 g5, h0 ; guest_st.i64 h0, g5, off=0, mop=u64, insn=2",
        ),
        ("mov.i64 g5, g10 ; guest_ld.i64 g11, g5, off=0, mop=u64, insn=2", None),
        # nothing to gain: not read, a mapped register, read in the next round only, a helper in between
        ("add.i64 g5, g5, #1", None),
        ("add.i64 g10, g10, #1 ; mov.i64 g11, g10", None),
        ("mov.i64 g10, g5 ; mov.i64 g5, g11", None),
        ("mov.i64 g5, g10 ; call g11, g11, g11, g11, helper=8, insn=2 ; mov.i64 g10, g5", None),
    ],
)
def test_forward(before: str, after: str | None) -> None:
    ops = parse_ops("\n".join(f"{before} ; {END}".split(" ; ")))
    expected = before if after is None else after
    assert format_ops(forward(ops, COLD, H)).split("\n") == format_ops(
        parse_ops("\n".join(f"{expected} ; {END}".split(" ; ")))
    ).split("\n")


def test_register_in_use() -> None:
    ops = parse_ops("mov.i64 g5, g10\nadd.i64 g11, g5, h0\ngoto_tb delta=0, insn=8")
    assert forward(ops, COLD, H) is ops


def test_loops() -> None:
    assert is_loop(parse_ops(END.replace(" ; ", "\n")))
    assert is_loop(parse_ops("goto_tb delta=-4, insn=8"))
    assert not is_loop(parse_ops("brcond_tb.i64 g10, g11, ne, delta=12, insn=8\ngoto_tb delta=16, insn=8"))
    assert not is_loop(parse_ops("goto_ptr g1"))


def run(ops: list[tuple[int, ...]]) -> list[int]:
    values = list(range(100, 100 + H + 1))
    for op in ops:
        inputs = [values[operand] for operand in op[2:4] if operand >= 0][: 1 if op[0] == MOV else 2]
        values[op[1]] = evaluator(op[0])(*inputs)
    return values[:16]


@given(
    st.lists(
        st.tuples(st.sampled_from((ADD, XOR)), st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.just(0))
        | st.tuples(st.just(MOV), st.integers(1, 12), st.integers(1, 12)),
        max_size=20,
    )
)
def test_same_values(ops: list[tuple[int, ...]]) -> None:
    better = forward(ops, COLD, H)
    assert run(better) == run(ops)
