"""The optimiser: text in, text out."""

from __future__ import annotations

import pytest

from pytcg.tcg.passes.optimise import optimise, worth_it
from pytcg.tcg.text import format_ops, parse_ops

END = "goto_tb delta=64, insn=8"


def lines(text):
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # constants
        ("movi.i64 g1, #0x1000 ; add.i64 g1, g1, #5", "movi.i64 g1, #4101"),
        ("movi.i64 g1, #0x7ffff000 ; add.i32 g1, g1, #0xfff ; add.i32 g1, g1, #1", "movi.i64 g1, #-2147483648"),
        ("movi.i64 g1, #5 ; movi.i64 g1, #5", "movi.i64 g1, #5"),
        ("movi.i64 t0, #5 ; sub.i64 g2, g3, t0", "sub.i64 g2, g3, #5"),
        ("movi.i64 t0, #5 ; add.i64 g2, t0, g3", "add.i64 g2, g3, #5"),
        ("movi.i64 g4, #0x80000000 ; add.i64 g2, g4, g3", "movi.i64 g4, #2147483648 ; add.i64 g2, g4, g3"),
        ("movi.i64 t0, #3 ; movi.i64 t1, #0x8000000000 ; mul.i64 g1, t0, t1", "movi.i64 g1, #1649267441664"),
        ("movi.i64 t0, #3 ; setcond.i64 g1, t0, #4, ltu", "movi.i64 g1, #1"),
        ("movi.i64 t0, #0xff ; extract.i64 g1, t0, pos=4, len=4", "movi.i64 g1, #15"),
        ("movi.i64 t0, #0 ; deposit.i64 g1, t0, g0, pos=4, len=4", "movi.i64 g1, #0"),
        ("movi.i64 t0, #3 ; movcond.i64 g1, t0, #4, ltu, g2, g3", "mov.i64 g1, g2"),
        ("movcond.i64 g1, g4, #4, ltu, g2, g2", "mov.i64 g1, g2"),
        ("add.i64 g1, g0, g2", "mov.i64 g1, g2"),
        ("or.i64 g1, g2, g0", "mov.i64 g1, g2"),
        ("sub.i32 g1, g0, g2", "neg.i32 g1, g2"),
        ("mov.i64 g1, g1", ""),
        ("add.i32 g1, g2, #0", "add.i32 g1, g2, #0"),
        # known values are forgotten when their register is assigned
        ("movi.i64 g1, #5 ; mov.i64 g1, g2 ; add.i64 g3, g1, #1", "mov.i64 g1, g2 ; add.i64 g3, g1, #1"),
        (
            "mov.i64 t0, g1 ; movi.i64 g1, #7 ; add.i64 g2, t0, #1",
            "mov.i64 t0, g1 ; movi.i64 g1, #7 ; add.i64 g2, t0, #1",
        ),
        (
            "add.i64 t0, g1, #8 ; add.i64 g1, g1, #1 ; guest_ld.i64 g2, t0, off=0, mop=u64, insn=0",
            "add.i64 t0, g1, #8 ; add.i64 g1, g1, #1 ; guest_ld.i64 g2, t0, off=0, mop=u64, insn=0",
        ),
        # copies
        ("mov.i64 t0, g1 ; add.i64 g2, t0, g3", "add.i64 g2, g1, g3"),
        # pcs
        ("pc_rel.i64 g1, #0x1004 ; add.i64 g1, g1, #-4", "pc_rel.i64 g1, #4096"),
        ("pc_rel.i64 g1, #8 ; pc_rel.i64 g1, #8", "pc_rel.i64 g1, #8"),
        ("pc_rel.i64 g1, #0x7ffff000 ; add.i64 g1, g1, #0x7ff ; add.i64 g1, g1, #0x7ff", "pc_rel.i64 g1, #2147483646"),
        (
            "pc_rel.i64 g1, #0x7ffff000 ; add.i64 g2, g1, #0x1000",
            "pc_rel.i64 g1, #2147479552 ; add.i64 g2, g1, #4096",
        ),
        # addresses
        (
            "add.i64 t0, g1, #8 ; guest_ld.i64 g2, t0, off=8, mop=u8, insn=2",
            "guest_ld.i64 g2, g1, off=16, mop=u8, insn=2",
        ),
        (
            "movi.i64 t0, #64 ; guest_st.i64 g2, t0, off=-8, mop=u8, insn=2",
            "guest_st.i64 g2, g0, off=56, mop=u8, insn=2",
        ),
        (
            "add.i64 t0, g1, #8 ; add.i64 t1, t0, #8 ; guest_probe.i64 t1, off=1, mop=u8, access=1, insn=2",
            "guest_probe.i64 g1, off=17, mop=u8, access=1, insn=2",
        ),
        (
            "add.i64 g1, g2, #8 ; guest_ld.i64 g1, g1, off=8, mop=u8, insn=2",
            "add.i64 g1, g2, #8 ; guest_ld.i64 g1, g1, off=8, mop=u8, insn=2",
        ),
        (
            "add.i64 t0, g1, #0x7fffffff ; guest_ld.i64 g2, t0, off=8, mop=u8, insn=2",
            "add.i64 t0, g1, #2147483647 ; guest_ld.i64 g2, t0, off=8, mop=u8, insn=2",
        ),
        # the CPU state
        (
            "st.i64 g1, env, off=8, mop=u64 ; ld.i64 g2, env, off=8, mop=u64",
            "st.i64 g1, env, off=8, mop=u64 ; mov.i64 g2, g1",
        ),
        (
            "ld.i64 g1, env, off=8, mop=u64 ; ld.i64 g2, env, off=8, mop=u64",
            "ld.i64 g1, env, off=8, mop=u64 ; mov.i64 g2, g1",
        ),
        ("ld.i64 g1, env, off=8, mop=u64 ; st.i64 g1, env, off=8, mop=u64", "ld.i64 g1, env, off=8, mop=u64"),
        ("ld.i64 t0, env, off=8, mop=u64", ""),
        ("ld.i64 g1, env, off=8, mop=u32 ; ld.i64 g2, env, off=8, mop=u64",) * 2,
        # what comes between
        *(
            (f"st.i64 g1, env, off=8, mop=u64 ; {op} ; ld.i64 g2, env, off=8, mop=u64",) * 2
            for op in (
                "st.i64 g3, env, off=12, mop=u32",
                "st.i64 g3, g4, off=0, mop=u64",
                "call _, _, _, _, helper=9, insn=0",
                "guest_st.i64 g3, g4, off=0, mop=u8, insn=0",
                "fadd.f64 g33, g34, g35, rm=dyn",
                "mov.i64 g1, g3",
                "host_cmpxchg.i64 g3, g4, g5, g6",
            )
        ),
        *(
            (f"{op} ; call _, _, _, _, helper=9, insn=0 ; add.i64 g2, {source}, #8",) * 2
            for op, source in (
                ("movi.i64 g1, #1", "g1"),
                ("pc_rel.i64 g1, #4096", "g1"),
                ("mov.i64 t0, g1", "t0"),
            )
        ),
        # dead code
        ("add.i64 g1, g2, g3 ; mov.i64 g1, g4", "mov.i64 g1, g4"),
        ("add.i64 g1, g2, g3 ; add.i64 g1, g1, g4", "add.i64 g1, g2, g3 ; add.i64 g1, g1, g4"),
        (
            "add.i64 g1, g2, g3 ; guest_ld.i64 g1, g4, off=0, mop=u8, insn=0",
            "add.i64 g1, g2, g3 ; guest_ld.i64 g1, g4, off=0, mop=u8, insn=0",
        ),
        (
            "not.i64 g1, g2 ; brcond_tb.i64 g2, #0, eq, delta=64, insn=0 ; mov.i64 g1, g4",
            "not.i64 g1, g2 ; brcond_tb.i64 g2, #0, eq, delta=64, insn=0 ; mov.i64 g1, g4",
        ),
        ("not.i64 t0, g2 ; not.i64 t1, t0", ""),
        ("guest_ld.i64 t0, g1, off=0, mop=u8, insn=0",) * 2,
        ("fadd.f64 g33, g34, g35, rm=dyn ; fsub.f64 g33, g34, g35, rm=dyn",) * 2,
        # branches
        ("brcond_tb.i64 g0, #0, ne, delta=4, insn=0", ""),
        ("brcond.i64 g1, g0, eq, L0 ; not.i64 g1, g1 ; L0:", "brcond.i64 g1, #0, eq, L0 ; not.i64 g1, g1 ; L0:"),
        ("brcond.i64 g0, g0, ne, L0 ; not.i64 g1, g1 ; L0:", "not.i64 g1, g1 ; L0:"),
        ("brcond.i64 g0, g0, eq, L0 ; not.i64 g1, g1 ; L0:", "br L0 ; L0:"),
        (
            "movi.i64 g1, #1 ; L0: ; add.i64 g1, g1, #1 ; brcond.i64 g1, #9, ne, L0",
            "movi.i64 g1, #1 ; L0: ; add.i64 g1, g1, #1 ; brcond.i64 g1, #9, ne, L0",
        ),
    ],
)  # fmt: skip
def test_rewrites(before, after):
    source = parse_ops(before.replace(";", "\n") + "\n" + END)
    assert lines(format_ops(optimise(source))) == [*filter(None, lines(after.replace(" ; ", "\n"))), END]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pc_rel.i64 t0, #0x3000 ; goto_ptr t0", "goto_tb delta=12288, insn=0"),
        ("pc_rel.i64 t0, #0x3001 ; and.i64 t1, t0, #-2 ; goto_ptr t1", "goto_tb delta=12288, insn=0"),
        (
            "pc_rel.i64 g1, #-0x3000 ; add.i64 t0, g1, #5 ; and.i64 t0, t0, #-2 ; pc_rel.i64 g1, #8 ; goto_ptr t0",
            "pc_rel.i64 g1, #8 ; goto_tb delta=-12284, insn=0",
        ),
        ("pc_rel.i64 t0, #-16 ; goto_ptr t0",) * 2,
        ("pc_rel.i64 t0, #-4094 ; goto_ptr t0",) * 2,
        ("brcond_tb.i64 g0, #0, eq, delta=4, insn=0 ; not.i64 g1, g1 ; goto_ptr g1", "goto_tb delta=4, insn=0"),
    ],
)
def test_block_ends(before, after):
    assert lines(format_ops(optimise(parse_ops(before.replace(";", "\n"))))) == lines(after.replace(" ; ", "\n"))


def test_ops_after_a_jump_go_until_a_label():
    text = "br L1\n not.i64 g1, g2\n ret g1\n L1:\n ret g2"
    assert lines(format_ops(optimise(parse_ops(text)))) == ["br L1", "L1:", "ret g2"]


def test_temporaries_live_around_a_loop_are_kept():
    text = "movi.i64 t0, #3\n L0:\n guest_st.i64 t0, g1, off=0, mop=u8, insn=0\n sub.i64 t0, t0, #1\n"
    text += "brcond.i64 g1, #0, ne, L0\n ret g1"
    ops = parse_ops(text)
    assert optimise(ops) == ops


def test_worth_it():
    assert worth_it(parse_ops("movi.i64 g1, #0x1000\n add.i32 g1, g1, #5\n goto_tb delta=64, insn=8"))
    assert worth_it(parse_ops("mb\n pc_rel.i64 g1, #0x1000\n add.i64 g1, g1, #5\n goto_tb delta=64, insn=8"))
    assert not worth_it(parse_ops("movi.i64 g1, #0x1000\n add.i64 g2, g2, #5\n goto_tb delta=64, insn=8"))
