"""CSRs: which exist, who may access them, what they keep, what writes do; each form of instruction on each path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytcg.frontend.riscv import csr_special
from pytcg.frontend.riscv.bits import (
    CAUSE_ILLEGAL,
    COUNTER_CY,
    COUNTER_IR,
    COUNTER_TM,
    ENVCFG_CBCFE,
    ENVCFG_CBIE,
    ENVCFG_CBZE,
    FLAG_COUNT,
    INTERRUPT,
    MENVCFG_ADUE,
    MENVCFG_PBMTE,
    MENVCFG_STCE,
    MIP_ALL,
    MIP_MTIP,
    MIP_S,
    MIP_SEIP,
    MIP_SSIP,
    MIP_STIP,
    MODE_S,
    MSTATUS_DIRTY,
    MSTATUS_FS,
    MSTATUS_MIE,
    MSTATUS_MPP,
    MSTATUS_MXR,
    MSTATUS_SD,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SUM,
    MSTATUS_SXL,
    MSTATUS_TVM,
    MSTATUS_UXL,
    PTE_R,
    PTE_W,
)
from pytcg.frontend.riscv.csr_table import CSRS
from pytcg.frontend.riscv.interrupts import interrupt
from pytcg.frontend.riscv.timer import arm
from pytcg.native import intrinsics
from pytcg.native.intrinsics import use_counter
from pytcg.native.time import guest_time
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, IRQ_ALARM, IRQ_LOOP, READ
from pytcg.tcg.types import MASK64
from tests.frontend.privileged import LEAF, NOP, PC, RAM, Hart, M, S, U, csr_word, mpp

W, SET, CLEAR, WI, SETI, CLEARI = 1, 2, 3, 5, 6, 7
BY_NAME = {row.name: row.number for row in CSRS.values()}
A0, A1 = 10, 11


def write(hart: Hart, name: str, value: int, form: int = W) -> int:
    """The old value, as an instruction in M sees it."""
    hart.enter(M)
    hart.env.globals[A1] = value
    assert hart.csr(form, BY_NAME[name], A0, A1) == PC + 4
    return int(hart.env.globals[A0])


def read(hart: Hart, name: str) -> int:
    hart.enter(M)
    assert hart.csr(SET, BY_NAME[name], A0) == PC + 4
    return int(hart.env.globals[A0])


def is_legal(hart: Hart, priv: int, number: int, form: int = SET, rs1: int = 0) -> bool:
    hart.enter(priv, mcause=99)
    hart.csr(form, number, A0, rs1)
    if hart.env.mcause == 99:
        return True
    word = csr_word(form, number, A0, rs1)
    assert hart.trap() == (M, 0x100, PC, CAUSE_ILLEGAL, word)
    return False


@contextmanager
def counter_at(value: int) -> Iterator[None]:
    before = intrinsics._counter
    use_counter(lambda: value)
    try:
        yield
    finally:
        use_counter(before)


def test_every_row_can_be_read_and_knows_how_it_is_written() -> None:
    hart = Hart()
    hart.env.mstatus |= MSTATUS_FS
    for row in CSRS.values():
        read(hart, row.name)
        assert row.field or row.name in csr_special.READ or not read(hart, row.name)
        assert not (row.plain and row.name in csr_special.WRITE)
        assert not (row.read_only and (row.plain or row.name in csr_special.WRITE))
    assert set(csr_special.READ) | set(csr_special.WRITE) <= set(BY_NAME)


@pytest.mark.parametrize("name", ["frm", "fcsr", "satp", "pmpcfg0", "pmpcfg2", "pmpaddr0", "pmpaddr15"])
def test_what_follows_a_change_of_translation_is_looked_up_anew(name: str) -> None:
    hart = Hart()
    hart.enter(M, mstatus=hart.env.mstatus | MSTATUS_FS)
    assert hart.run(csr_word(SET, BY_NAME[name], 0, A1), NOP) == PC + 4


@pytest.mark.parametrize("name", ["mstatus", "sstatus"])
def test_what_follows_a_change_of_fs_is_looked_up_anew(name: str) -> None:
    """The rest of a block takes it that floating point is as its first instruction of that kind has found it."""
    hart = Hart()
    hart.enter(M, mstatus=hart.env.mstatus | MSTATUS_FS)
    hart.env.globals[A1] = MSTATUS_FS
    assert hart.run(csr_word(CLEAR, BY_NAME[name], 0, A1), NOP) == PC + 4
    assert not hart.env.mstatus & MSTATUS_FS


# What OpenSBI 1.6 probes for and must not find.
ABSENT = {
    "mstateen0": 0x30C, "sstateen0": 0x10C, "mtinst": 0x34A, "mtval2": 0x34B, "scountovf": 0xDA0, "mtopi": 0xFB0,
    "tinfo": 0x7A4, "pmpcfg1": 0x3A1, "pmpcfg4": 0x3A4, "pmpaddr16": 0x3C0, "mseccfg": 0x747,
    "hstatus": 0x600, "mcyclecfg": 0x321, "miselect": 0x350, "mip_h": 0x354, "reserved": 0xB01, "debug": 0x7B0,
}  # fmt: skip


@pytest.mark.parametrize("name", ABSENT)
def test_absent(name: str) -> None:
    assert not is_legal(Hart(), M, ABSENT[name])


def test_privilege_and_read_only() -> None:
    hart = Hart()
    assert is_legal(hart, M, BY_NAME["mscratch"])
    assert not is_legal(hart, S, BY_NAME["mscratch"])
    assert is_legal(hart, S, BY_NAME["sscratch"])
    assert not is_legal(hart, U, BY_NAME["sscratch"])
    assert is_legal(hart, M, BY_NAME["mhartid"])
    assert is_legal(hart, M, BY_NAME["mhartid"], SETI, 0)
    assert not is_legal(hart, M, BY_NAME["mhartid"], SET, A1)
    assert not is_legal(hart, M, BY_NAME["mhartid"], CLEARI, 1)
    assert not is_legal(hart, M, BY_NAME["mhartid"], WI, 0)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([W, SET, CLEAR, WI, SETI, CLEARI]), st.sampled_from([0, A0, A1]), st.sampled_from([0, A0, A1, 31])
)
def test_forms_on_a_plain_field(form: int, rd: int, rs1: int) -> None:
    hart = Hart()
    old, operand = 0xF0F0_1234_5678_9ABD, 0x00FF_FF00_AAAA_5555
    hart.env.sscratch = old
    for register in (A0, A1, 31):
        hart.env.globals[register] = operand + register
    value = rs1 if form > 3 else 0 if not rs1 else operand + rs1
    others = [n for n in (A0, A1, 31) if n != rd]
    hart.csr(form, BY_NAME["sscratch"], rd, rs1)
    assert hart.env.sscratch == {W: value, SET: old | value, CLEAR: old & ~value}[form & 3]
    assert hart.env.globals[rd] == (old if rd else 0)
    assert all(hart.env.globals[n] == operand + n for n in others)


MASKS = {
    "stvec": MASK64 - 2, "mtvec": MASK64 - 2, "sepc": MASK64 - 1, "mepc": MASK64 - 1, "medeleg": 0xB3FF,
    "mideleg": MIP_S,
    "mie": MIP_ALL, "mcounteren": 0xFFFFFFFF, "scounteren": 0xFFFFFFFF, "mcountinhibit": 5, "scause": MASK64, "frm": 7,
    "menvcfg": MENVCFG_STCE | MENVCFG_PBMTE | MENVCFG_ADUE | 0xF1, "senvcfg": 0xF1, "fflags": 31, "fcsr": 255,
    "stimecmp": MASK64,
    "mhpmevent3": 0, "mhpmcounter31": 0, "misa": 0x8000000000000000 | sum(1 << ord(c) - 65 for c in "ABCDFIMSU"),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKS)
def test_masks(name: str) -> None:
    hart = Hart()
    hart.enter(M, mstatus=MSTATUS_FS)
    write(hart, name, MASK64)
    assert read(hart, name) == MASKS[name]
    if name != "misa":
        write(hart, name, 0)
        assert read(hart, name) == 0


def test_status_views() -> None:
    hart = Hart()
    widths = MSTATUS_UXL | MSTATUS_SXL
    assert read(hart, "mstatus") == widths
    write(hart, "mstatus", MASK64)
    assert read(hart, "mstatus") == 0x7E79AA | MSTATUS_SD | widths
    assert read(hart, "sstatus") == 0xC6122 | MSTATUS_SD | MSTATUS_UXL
    write(hart, "sstatus", 0)
    assert read(hart, "mstatus") == 0x7E79AA & ~0xC6122 | widths
    write(hart, "mstatus", mpp(S))
    write(hart, "mstatus", mpp(2))
    assert read(hart, "mstatus") & MSTATUS_MPP == mpp(S)
    for fs in range(4):
        write(hart, "sstatus", fs << 13)
        assert read(hart, "sstatus") == MSTATUS_UXL | fs << 13 | (MSTATUS_SD if fs == 3 else 0)


@pytest.mark.parametrize("form", [SET, CLEAR, SETI, CLEARI])
@pytest.mark.parametrize("rd", [0, A0, A1])
@pytest.mark.parametrize("value", [2, 2 | MSTATUS_SUM, 0])
def test_forms_on_sstatus(form: int, rd: int, value: int) -> None:
    hart = Hart()
    old = MSTATUS_UXL | MSTATUS_SXL | MSTATUS_SPIE | (0 if form & 3 == SET else MSTATUS_SIE | MSTATUS_SUM)
    hart.enter(S, mstatus=old)
    hart.env.globals[A1] = value
    operand = A1
    if form > 3:
        operand = value = value & 31
    hart.csr(form, BY_NAME["sstatus"], rd, operand)
    assert hart.env.mstatus == (old | value if form & 3 == SET else old & ~value)
    assert hart.env.pc == PC + 4
    assert hart.env.flags & 3 == (2 if hart.env.mstatus & MSTATUS_SUM else 1)
    if rd:
        assert hart.env.globals[rd] == old & ~MSTATUS_SXL


@pytest.mark.parametrize("form", [SET, SETI])
def test_enabling_interrupts_takes_one(form: int) -> None:
    hart = Hart()
    hart.enter(S, mie=MIP_S, mideleg=MIP_S, mip_soft=MIP_SSIP)
    hart.env.globals[2] = MSTATUS_SIE
    hart.csr(form, BY_NAME["sstatus"], A0, 2)
    assert hart.trap() == (S, 0x200, PC + 4, INTERRUPT | 1, 0)
    assert hart.env.globals[A0] == MSTATUS_UXL


@pytest.mark.parametrize("name", ["mie", "mip", "mstatus", "mideleg"])
def test_every_way_to_let_an_interrupt_in_takes_it(name: str) -> None:
    hart = Hart()
    fields = {"mie": MIP_SSIP, "mip_soft": MIP_SSIP, "mstatus": MSTATUS_MIE, "mideleg": 0}
    field, value = {"mip": ("mip_soft", MIP_SSIP), "mideleg": ("mideleg", 0)}.get(name, (name, fields.get(name, 0)))
    hart.enter(M, **{**fields, field: MIP_SSIP if name == "mideleg" else 0})
    hart.env.globals[A1] = value
    hart.csr(W, BY_NAME[name], 0, A1)
    assert hart.trap() == (M, 0x100, PC + 4, INTERRUPT | 1, 0)


def test_the_comparator_of_the_supervisor_interrupts_as_it_is_given_stip() -> None:
    hart = Hart()
    hart.enter(M, mie=MIP_STIP, mideleg=0, mstatus=MSTATUS_MIE, stimecmp=0)
    hart.env.globals[A1] = MENVCFG_STCE
    hart.csr(SET, BY_NAME["menvcfg"], 0, A1)
    assert hart.trap() == (M, 0x100, PC + 4, INTERRUPT | 5, 0)


def test_supervisor_sees_what_is_delegated() -> None:
    hart = Hart()
    hart.enter(M, mideleg=MIP_SSIP | MIP_STIP)
    write(hart, "mie", MIP_ALL)
    write(hart, "mip", MASK64)
    assert read(hart, "mip") == MIP_S
    assert (read(hart, "sie"), read(hart, "sip")) == (MIP_SSIP | MIP_STIP, MIP_SSIP | MIP_STIP)
    write(hart, "sip", 0)
    assert read(hart, "mip") == MIP_STIP | MIP_SEIP
    write(hart, "sie", 0)
    assert read(hart, "mie") == MIP_ALL & ~(MIP_SSIP | MIP_STIP)


def test_a_line_does_not_stick_when_bits_are_set() -> None:
    hart = Hart()
    hart.env.mip_lines = MIP_SEIP | MIP_MTIP
    assert write(hart, "mip", MIP_SSIP, SET) == MIP_SEIP | MIP_MTIP
    assert read(hart, "mip") == MIP_SEIP | MIP_MTIP | MIP_SSIP
    hart.env.mip_lines = 0
    hart.enter(M)
    assert read(hart, "mip") == MIP_SSIP
    write(hart, "mip", MIP_SEIP)
    assert write(hart, "mip", MIP_SEIP, CLEAR) == MIP_SEIP
    assert read(hart, "mip") == 0


def test_timer_of_the_supervisor() -> None:
    hart = Hart()
    number = BY_NAME["stimecmp"]
    assert is_legal(hart, M, number)
    assert not is_legal(hart, S, number)
    write(hart, "mip", MIP_STIP)
    write(hart, "menvcfg", MENVCFG_STCE)
    assert read(hart, "mip") == 0
    write(hart, "mip", MIP_STIP)
    assert read(hart, "mip") == 0
    assert not is_legal(hart, S, number)
    write(hart, "mcounteren", COUNTER_TM)
    assert is_legal(hart, S, number)
    hart.env.clock_offset = 1233
    assert write(hart, "stimecmp", 1234) == MASK64
    assert read(hart, "mip") == 0
    hart.env.clock_offset = 1234
    assert read(hart, "mip") == MIP_STIP
    write(hart, "stimecmp", 1235)
    assert read(hart, "mip") == 0
    write(hart, "stimecmp", 0)
    assert read(hart, "mip") == MIP_STIP
    write(hart, "menvcfg", 0)
    assert read(hart, "mip") == 0


def test_the_alarm_is_asked_for_the_first_deadline_only() -> None:
    hart = Hart()
    env = hart.env
    env.clock_offset = 1000
    write(hart, "stimecmp", 2000)
    assert (env.alarm_at, env.irq) == (EMPTY, 0)
    write(hart, "menvcfg", MENVCFG_STCE)
    assert (env.alarm_at, env.irq) == (2000, IRQ_LOOP)
    env.irq = 0
    write(hart, "stimecmp", 3000)
    assert (env.alarm_at, env.irq) == (2000, 0)
    write(hart, "stimecmp", 1500)
    assert (env.alarm_at, env.irq) == (1500, IRQ_LOOP)
    # It rings early; then it rings where the deadline has been put off; then it rings in time.
    for now, deadline, alarm in ((1499, 1500, 1500), (1500, 1800, 1800), (1800, 1800, EMPTY)):
        env.clock_offset, env.stimecmp, env.irq = now, deadline, IRQ_ALARM
        assert interrupt(env) == Action.CONTINUE
        assert (env.alarm_at, env.irq) == (alarm, IRQ_LOOP if alarm != EMPTY else 0)
    assert env.mip == MIP_STIP


@given(st.integers(0, 2**62), st.sampled_from((1_000_000, 10_000_000, 62_500_000, 999_999_937)))
def test_the_time_that_the_kernel_is_given(ticks: int, hz: int) -> None:
    """In a process of its own the timer would ring; here it does not exist, which the kernel says."""
    env = Hart().env
    env.menvcfg, env.stimecmp, env.alarm, env.alarm_mult = MENVCFG_STCE, ticks + 1, 1 << 30, 2**64 // hz
    arm(env)
    seconds, nanoseconds = env.alarm_time[2:]
    assert env.alarm_at == ticks + 1
    assert 0 < nanoseconds < 10**9
    exact = (ticks + 2) * 10**9 // hz
    assert abs(seconds * 10**9 + nanoseconds - exact) <= 2 + exact // 10**9


def test_extensions_that_are_off() -> None:
    hart = Hart("rv64,f=off,sstc=off,svadu=off,svpbmt=off,zicbom=off,zicboz=off,zihpm=off,c=off")
    write(hart, "menvcfg", MASK64)
    write(hart, "mstatus", MSTATUS_FS)
    write(hart, "mcounteren", MASK64)
    assert (hart.env.menvcfg, hart.env.mstatus & MSTATUS_DIRTY, hart.env.mcounteren) == (1, 0, 7)
    assert read(hart, "misa") == 0x8000000000000000 | sum(1 << ord(c) - 65 for c in "ABIMSU")
    assert not is_legal(hart, M, BY_NAME["fcsr"])
    assert not is_legal(hart, M, BY_NAME["stimecmp"])
    assert not is_legal(hart, M, BY_NAME["hpmcounter3"])
    assert not is_legal(Hart("rv64,zicntr=off"), M, BY_NAME["time"])


@pytest.mark.parametrize(("value", "kept"), [(0, 0), (1, 1), (2, 0), (3, 3)])
def test_reserved_cache_block_field(value: int, kept: int) -> None:
    hart = Hart()
    for name in ("menvcfg", "senvcfg"):
        write(hart, name, value << 4 | ENVCFG_CBZE)
        assert read(hart, name) == kept << 4 | ENVCFG_CBZE


#: privilege, mcounteren or menvcfg, scounteren or senvcfg, and whether they let an operation through
GATES = [
    (M, False, False, True),
    (S, False, True, False),
    (S, True, False, True),
    (U, True, False, False),
    (U, False, True, False),
    (U, True, True, True),
]
CBO = {"inval": (0, ENVCFG_CBIE), "clean": (1, ENVCFG_CBCFE), "flush": (2, ENVCFG_CBCFE), "zero": (4, ENVCFG_CBZE)}


@pytest.mark.parametrize("name", CBO)
def test_cache_block_operations_are_gated(name: str) -> None:
    operation, bit = CBO[name]
    word = operation << 20 | A0 << 15 | 0x200F
    for priv, machine, supervisor, legal in GATES:
        hart = Hart()
        hart.enter(priv, menvcfg=bit * machine, senvcfg=bit * supervisor, mcause=99)
        hart.env.globals[A0] = RAM
        hart.run(word)
        assert (hart.env.mcause == 99) == legal
        assert legal or hart.trap() == (M, 0x100, PC, CAUSE_ILLEGAL, word)


def test_counters_are_gated() -> None:
    for name, bit in (("cycle", COUNTER_CY), ("time", COUNTER_TM), ("instret", COUNTER_IR), ("hpmcounter9", 1 << 9)):
        for priv, machine, supervisor, legal in GATES:
            hart = Hart()
            hart.env.mcounteren, hart.env.scounteren = bit * machine, bit * supervisor
            assert is_legal(hart, priv, BY_NAME[name]) == legal


@pytest.mark.parametrize("priv", [S, M])
def test_time_is_the_clock(priv: int) -> None:
    hart = Hart()
    hart.env.clock_start, hart.env.clock_mult, hart.env.clock_offset = 1000, 1 << 62, 5
    hart.env.mcounteren = COUNTER_TM
    with counter_at(1400):
        hart.enter(priv)
        hart.csr(SET, BY_NAME["time"], A0)
        assert hart.env.globals[A0] == guest_time(hart.env) == 105


def test_cycle_and_instret_run_are_written_and_stop() -> None:
    hart = Hart()
    with counter_at(100):
        write(hart, "mcycle", 7)
    with counter_at(150):
        assert read(hart, "mcycle") == read(hart, "cycle") == 57
        write(hart, "mcountinhibit", COUNTER_CY)
    with counter_at(170):
        assert read(hart, "mcycle") == 57
        assert read(hart, "minstret") == 170
        write(hart, "mcountinhibit", 0)
    with counter_at(180):
        assert read(hart, "mcycle") == 67


def test_instructions_are_counted_when_the_flags_say_so() -> None:
    hart = Hart()
    hart.env.flags |= FLAG_COUNT
    hart.env.executed = 40
    hart.csr(SET, BY_NAME["instret"], A0)
    hart.enter(M)
    assert 40 < read(hart, "instret") < 50


def test_floating_point_state() -> None:
    hart = Hart()
    env = hart.env
    assert not is_legal(hart, U, BY_NAME["fcsr"])
    hart.enter(M, mstatus=1 << 13)
    env.fflags, env.mxcsr = 2, 0x1F80 | 1 << 0 | 1 << 1 | 1 << 5
    assert read(hart, "fcsr") == 2 | 16 | 1
    assert env.mstatus & MSTATUS_DIRTY == 1 << 13
    write(hart, "fflags", 8)
    assert (env.fflags, env.mxcsr, read(hart, "fflags")) == (8, 0x1F80, 8)
    assert env.mstatus & MSTATUS_DIRTY == MSTATUS_DIRTY
    for frm, rounding in ((0, 0), (1, 3), (2, 1), (3, 2), (4, 0), (7, 0)):
        write(hart, "frm", frm)
        assert (env.frm, env.mxcsr >> 13 & 3, read(hart, "fcsr")) == (frm, rounding, frm << 5 | 8)


def test_satp() -> None:
    hart = Hart()
    number = BY_NAME["satp"]
    root = RAM >> 12
    for rd in (0, A0):
        hart.env.satp = 0
        for mode in (1, 7, 11, 15):
            hart.env.globals[A1] = mode << 60 | root
            hart.csr(W, number, rd, A1)
            assert hart.env.satp == 0
        hart.enter(S)
        hart.miss(RAM, READ, MODE_S)
        hart.env.globals[A1] = 0
        hart.csr(W, number, rd, A1)
        assert hart.cached(RAM, READ, MODE_S) is not None
        hart.env.globals[A1] = 8 << 60 | 0xFFFF << 44 | root
        assert hart.csr(W, number, rd, A1) == PC + 4
        assert hart.env.satp == hart.env.globals[A1]
        assert hart.cached(RAM, READ, MODE_S) is None
    hart.env.mstatus |= MSTATUS_TVM
    assert not is_legal(hart, S, number)
    assert is_legal(hart, M, number)
    hart.enter(S)
    hart.csr(W, number, 0, A1)
    assert hart.trap()[3:] == (CAUSE_ILLEGAL, csr_word(W, number, 0, A1))


@pytest.mark.parametrize("level", (0, 1))
def test_mxr_counts_at_once(level: int) -> None:
    """What can be loaded because it is executable, and what was cached of it, superpages too."""
    hart = Hart()
    hart.map(0x40000000, RAM, LEAF & ~(PTE_R | PTE_W), level=level)
    for bits, action in ((MSTATUS_MXR, Action.CONTINUE), (0, Action.JUMP)):
        write(hart, "sstatus", bits)
        assert hart.cached(0x40000000, READ, MODE_S) is None
        assert hart.miss(0x40000000, READ, MODE_S) == action


def test_protection_by_instructions() -> None:
    hart = Hart()
    write(hart, "pmpcfg2", 0x18 << 56)
    write(hart, "pmpaddr15", MASK64)
    assert read(hart, "pmpaddr15") == (1 << 54) - 1
    assert (hart.env.pmp_count, hart.env.pmp_perm[15]) == (16, 0x18)
