"""Register allocation, with fake registers; random blocks are in tests/backend/test_tci.py."""

from __future__ import annotations

from itertools import product

import pytest

from pytcg.tcg.builder import Builder
from pytcg.tcg.passes.liveness import ENTRY, live_at_labels
from pytcg.tcg.regalloc import BLOCK_SPILLS, NATIVE_SPILLS, OutOfSpillSlotsError, allocate
from pytcg.tcg.state import HOST_REG, TEMP
from pytcg.tcg.text import format_ops, parse_ops
from pytcg.tcg.types import Type
from pytcg.tcg.verify import verify

H0, H1 = HOST_REG, HOST_REG + 1


def allocated(text, pool):
    ops = parse_ops(text)
    temps = 1 + max(field - TEMP for op in ops for field in op[1:] if TEMP <= field < TEMP + 99)
    result = allocate(ops, temps, pool)
    verify(result, 0, allocated=True)
    return [line.strip() for line in format_ops(result).splitlines()]


def test_nothing_to_do():
    ops = parse_ops("add.i64 g1, g2, g3\n goto_ptr g1")
    assert allocate(ops, 0, (H0,)) is ops


def test_registers_are_reused_even_by_the_op_that_frees_them():
    assert allocated(
        "add.i64 t0, g1, #1\n add.i64 t1, t0, #1\n mov.i64 g2, t1\n movi.i64 t2, #1\n goto_ptr t2", (H0,)
    ) == [
        "add.i64 h0, g1, #1",
        "add.i64 h0, h0, #1",
        "mov.i64 g2, h0",
        "movi.i64 h0, #1",
        "goto_ptr h0",
    ]


def test_what_lives_longest_is_spilled():
    assert allocated("movi.i64 t0, #0\n movi.i64 t1, #1\n mov.i64 g1, t1\n goto_ptr t0", (H1,)) == [
        "movi.i64 s0, #0",
        "movi.i64 h1, #1",
        "mov.i64 g1, h1",
        "goto_ptr s0",
    ]


def test_constants_that_look_like_temporaries_stay():
    assert allocated("movi.i64 t0, #128\n guest_ld.i64 g1, t0, off=129, mop=u8, insn=130\n goto_ptr t0", (H0,)) == [
        "movi.i64 h0, #128",
        "guest_ld.i64 g1, h0, off=129, mop=u8, insn=130",
        "goto_ptr h0",
    ]


def test_what_is_live_at_the_head_of_a_loop_keeps_its_place_in_all_of_it():
    text = """
        movi.i64 t0, #5
        L0:
        add.i64 g1, g1, t0
        movi.i64 t1, #1
        sub.i64 g2, g2, t1
        brcond.i64 g2, #0, ne, L0
        movi.i64 t2, #7
        goto_ptr t2
    """
    result = allocated(text, (H0, H1))
    assert result[0] == "movi.i64 h0, #5"
    assert result[3] == "movi.i64 h1, #1"


def test_a_value_carried_from_one_round_to_the_next_starts_with_the_loop():
    text = """
        movi.i64 t0, #0
        br L1
        L0:
        movi.i64 t1, #1
        add.i64 g1, g1, t1
        add.i64 g1, g1, t0
        mov.i64 t0, g1
        L1:
        brcond.i64 g1, #9, ltu, L0
        goto_ptr t0
    """
    assert allocated(text, (H0,))[3:5] == ["movi.i64 h0, #1", "add.i64 g1, g1, h0"]
    assert allocated(text, (H0,))[0] == "movi.i64 s0, #0"


def test_a_value_that_a_loop_reads_before_it_is_assigned_is_live_from_its_head():
    text = """
        br L1
        L0:
        movi.i64 t1, #1
        add.i64 g1, g1, t1
        add.i64 g1, g1, t0
        L1:
        mov.i64 t0, g1
        brcond.i64 g1, #9, ltu, L0
        goto_ptr g1
    """
    assert allocated(text, (H0,))[2:5] == ["movi.i64 h0, #1", "add.i64 g1, g1, h0", "add.i64 g1, g1, s0"]


def test_what_is_live_around_a_loop_is_so_up_to_its_last_branch():
    text = """
        movi.i64 t0, #5
        L0:
        add.i64 g1, g1, t0
        sub.i64 t1, g1, #9
        brcond.i64 t1, #0, ne, L0
        goto_ptr g1
    """
    result = allocated(text, (H0,))
    assert (result[0], result[3]) == ("movi.i64 s0, #5", "sub.i64 h0, g1, #9")


def test_spill_slots_run_out():
    for slots, more in product((BLOCK_SPILLS, NATIVE_SPILLS), (0, 1)):
        count = len(slots) + more
        b = Builder()
        temps = [b.temp() for _ in range(count)]
        for temp in temps:
            b.emit("movi", Type.I64, temp, 1)
        for temp in temps:
            b.binary("add", 1, 1, temp)
        b.emit("goto_ptr", Type.NONE, 1)
        if more:
            with pytest.raises(OutOfSpillSlotsError):
                allocate(b.ops, b.temps, (), slots)
            allocate(b.ops, b.temps, (H0,), slots)
        else:
            used = {op[1] for op in allocate(b.ops, b.temps, (), slots)}
            assert used - {1} == set(slots)


def test_liveness():
    text = """
        movi.i64 t0, #1
        L0:
        brcond.i64 g1, #0, eq, L1
        mov.i64 t1, t0
        br L0
        L1:
        ret t2
    """
    assert live_at_labels(parse_ops(text)) == {0: {TEMP, TEMP + 2}, 1: {TEMP + 2}, ENTRY: {TEMP + 2}}


def test_liveness_goes_round_loops():
    text = """
        movi.i64 t0, #1
        L0:
        add.i64 g1, g1, t0
        L1:
        brcond.i64 g1, #9, ltu, L0
        brcond.i64 g1, #5, ne, L1
        ret g1
    """
    assert live_at_labels(parse_ops(text)) == {0: {TEMP}, 1: {TEMP}, ENTRY: set()}
