"""Random blocks before and after the optimiser, register allocation and forwarding: equal for all values of registers
and memory, as z3 proves. What is folded, decided, forwarded and dropped is proved with them, whatever code does it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, reject, settings

from pytcg.tcg.text import format_ops, parse_ops
from tests.tcg.blocks import Block, blocks
from tests.tcg.symbolic import UndecidedError, difference
from tests.tcg.test_passes import PASSES

END = "goto_tb delta=64, insn=8"


@pytest.mark.parametrize("name", ["optimise", "forward", "all"])
def test_pass_is_proved(name: str) -> None:
    change, _ = PASSES[name]

    @given(blocks(leave_out=("loop",)))
    @settings(suppress_health_check=list(HealthCheck), print_blob=False)
    def same(block: Block) -> None:
        changed = change(block)
        try:
            found = difference(block.ops, changed.ops)
        except UndecidedError:
            reject()
        assert not found, format_ops(changed.ops)

    same()


def test_a_block_starts_at_an_even_pc() -> None:
    one, two = (
        parse_ops(f"pc_rel.i64 t0, #0x3001\n {more} goto_ptr t0") for more in ("", "and.i64 t0, t0, #-2\n")
    )
    assert difference(one, two)
    assert not difference(two, parse_ops("goto_tb delta=0x3000, insn=0"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("add.i64 g1, g2, #1", "add.i64 g1, g2, #2"),
        ("add.i32 g1, g2, #0", "mov.i64 g1, g2"),
        ("st.i64 g1, env, off=8, mop=u64 ; ld.i64 g2, env, off=12, mop=u64", "st.i64 g1, env, off=8, mop=u64"),
        ("st.i64 g1, g2, off=0, mop=u8 ; ld.i64 g3, env, off=8, mop=u64", "ld.i64 g3, env, off=8, mop=u64"),
        ("guest_st.i64 g1, g2, off=0, mop=u8, insn=0 ; mov.i64 g1, g3", "mov.i64 g1, g3"),
        (
            "mov.i64 g1, g3 ; guest_st.i64 g4, g2, off=0, mop=u8, insn=0",
            "guest_st.i64 g4, g2, off=0, mop=u8, insn=0 ; mov.i64 g1, g3",
        ),
        ("brcond_tb.i64 g1, #0, eq, delta=4, insn=0", ""),
        ("brcond.i64 g1, g1, lt, L0 ; movi.i64 g2, #1 ; L0:", ""),
        ("mov.i64 g1, g2 ; call _, _, _, _, helper=9, insn=0", "call _, _, _, _, helper=9, insn=0 ; mov.i64 g1, g2"),
        ("fadd.f64 g1, g2, g3, rm=dyn", "fadd.f64 g1, g3, g2, rm=dyn"),
    ],
)
def test_blocks_that_differ_are_told_apart(before: str, after: str) -> None:
    one, two = (parse_ops("\n".join([*text.split(" ; "), END])) for text in (before, after))
    assert difference(one, two)
    assert not difference(one, list(one))
