"""Traps, returns, interrupts, wfi and fences, as instructions and as functions."""

from __future__ import annotations

from itertools import combinations

import pytest

from pytcg.frontend.riscv.bits import (
    CAUSE_BREAKPOINT,
    CAUSE_ECALL_U,
    CAUSE_ILLEGAL,
    FLAG_COUNT,
    FLAG_FRM_SHIFT,
    FLAG_FS_ON,
    INTERRUPT,
    MIP_ALL,
    MIP_MEIP,
    MIP_MSIP,
    MIP_MTIP,
    MIP_S,
    MIP_SEIP,
    MIP_SSIP,
    MIP_STIP,
    MODE_S,
    MSTATUS_DIRTY,
    MSTATUS_FS,
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPP,
    MSTATUS_MPRV,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    MSTATUS_SUM,
    MSTATUS_TSR,
    MSTATUS_TVM,
    MSTATUS_TW,
)
from pytcg.frontend.riscv.csr_interrupts import write_sip
from pytcg.frontend.riscv.exceptions import raise_exception
from pytcg.frontend.riscv.interrupts import has_work, interrupt, set_mip, update_pending
from pytcg.frontend.riscv.status import update_flags
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, IRQ_LINES, IRQ_LOOP, READ, WORD
from pytcg.tcg.types import MASK64
from tests.frontend.privileged import NOP, PC, RAM, Hart, M, S, U, mpp

ECALL, EBREAK, SRET, MRET, WFI = 0x73, 0x100073, 0x10200073, 0x30200073, 0x10500073
SFENCE_VMA, SFENCE_VMA_A0, SINVAL_VMA, SFENCE_W_INVAL, SFENCE_INVAL_IR = (
    0x12000073, 0x12050073, 0x16050073, 0x18000073, 0x18100073,
)  # fmt: skip


def status(hart: Hart, *bits: int) -> list[bool]:
    return [bool(hart.env.mstatus & bit) for bit in bits]


@pytest.mark.parametrize("priv", [U, S, M])
@pytest.mark.parametrize("delegated", [False, True])
def test_ecall(priv: int, delegated: bool) -> None:
    hart = Hart()
    hart.enter(priv, medeleg=0xB3FF if delegated else 0)
    hart.run(ECALL)
    to = S if delegated and priv < M else M
    assert hart.trap() == (to, 0x200 if to == S else 0x100, PC, CAUSE_ECALL_U + priv, 0)
    if to == M:
        assert hart.env.mstatus & MSTATUS_MPP == mpp(priv)
    else:
        assert status(hart, MSTATUS_SPP) == [priv == S]


def test_ebreak_tells_its_address() -> None:
    hart = Hart()
    hart.run(0x13, EBREAK)
    assert hart.trap() == (M, 0x100, PC + 4, CAUSE_BREAKPOINT, PC + 4)


@pytest.mark.parametrize("enabled", [False, True])
def test_trap_to_s_stacks_and_sret_restores(enabled: bool) -> None:
    hart = Hart()
    hart.enter(U, mstatus=MSTATUS_SIE if enabled else MSTATUS_SPIE, medeleg=MASK64)
    raise_exception(hart.env, CAUSE_ILLEGAL, 7)
    assert status(hart, MSTATUS_SIE, MSTATUS_SPIE, MSTATUS_SPP) == [False, enabled, False]
    assert hart.env.flags & 15 == S << 2 | MODE_S
    hart.run(SRET)
    assert (hart.env.priv, hart.env.pc) == (U, PC)
    assert status(hart, MSTATUS_SIE, MSTATUS_SPIE, MSTATUS_SPP) == [enabled, True, False]


@pytest.mark.parametrize("enabled", [False, True])
def test_trap_to_m_stacks_and_mret_restores(enabled: bool) -> None:
    hart = Hart()
    hart.enter(S, mstatus=MSTATUS_MPRV | (MSTATUS_MIE if enabled else MSTATUS_MPIE))
    raise_exception(hart.env, CAUSE_ILLEGAL, 7)
    assert status(hart, MSTATUS_MIE, MSTATUS_MPIE, MSTATUS_MPRV) == [False, enabled, True]
    assert hart.env.flags & 15 == M << 2 | MODE_S
    hart.run(MRET)
    assert (hart.env.priv, hart.env.pc) == (S, PC)
    assert status(hart, MSTATUS_MIE, MSTATUS_MPIE, MSTATUS_MPP, MSTATUS_MPRV) == [enabled, True, False, False]


def test_mret_to_m_keeps_mprv() -> None:
    hart = Hart()
    hart.enter(M, mstatus=mpp(M) | MSTATUS_MPRV, mepc=0x5000)
    assert hart.run(MRET) == 0x5000
    assert status(hart, MSTATUS_MPRV, MSTATUS_MPP) == [True, False]


@pytest.mark.parametrize(
    ("word", "priv", "bits", "legal"),
    [
        (SRET, U, 0, False), (SRET, S, 0, True), (SRET, S, MSTATUS_TSR, False), (SRET, M, MSTATUS_TSR, True),
        (MRET, U, 0, False), (MRET, S, 0, False), (MRET, M, 0, True),
        (WFI, U, 0, False), (WFI, S, 0, True), (WFI, S, MSTATUS_TW, False), (WFI, M, MSTATUS_TW, True),
        (SFENCE_VMA, U, 0, False), (SFENCE_VMA, S, 0, True), (SFENCE_VMA, S, MSTATUS_TVM, False),
        (SFENCE_VMA, M, MSTATUS_TVM, True), (SINVAL_VMA, S, 0, True), (SINVAL_VMA, S, MSTATUS_TVM, False),
        (SFENCE_W_INVAL, U, 0, False), (SFENCE_W_INVAL, S, MSTATUS_TVM, True), (SFENCE_INVAL_IR, U, 0, False),
        (SFENCE_INVAL_IR, S, MSTATUS_TVM, True),
    ],
)  # fmt: skip
def test_privileges(word: int, priv: int, bits: int, legal: bool) -> None:
    hart = Hart()
    hart.enter(priv, mstatus=bits, mcause=99)
    hart.run(word)
    if legal:
        assert hart.env.mcause == 99
    else:
        assert hart.trap() == (M, 0x100, PC, CAUSE_ILLEGAL, word)


def test_svinval_can_be_off() -> None:
    hart = Hart("rv64,svinval=off")
    hart.run(SINVAL_VMA)
    assert hart.trap()[3] == CAUSE_ILLEGAL


PRIORITY = [MIP_MEIP, MIP_MSIP, MIP_MTIP, MIP_SEIP, MIP_SSIP, MIP_STIP]


@pytest.mark.parametrize(("first", "second"), list(combinations(PRIORITY, 2)))
def test_priorities(first: int, second: int) -> None:
    hart = Hart()
    hart.enter(U, mie=MIP_ALL)
    assert hart.pend(first | second) == Action.JUMP
    assert hart.trap() == (M, 0x100, PC, INTERRUPT | first.bit_length() - 1, 0)


@pytest.mark.parametrize("priv", [U, S, M])
@pytest.mark.parametrize("enabled", [0, MSTATUS_SIE, MSTATUS_MIE, MSTATUS_SIE | MSTATUS_MIE])
@pytest.mark.parametrize("delegated", [False, True])
def test_enables(priv: int, enabled: int, delegated: bool) -> None:
    hart = Hart()
    hart.enter(priv, mstatus=enabled, mie=MIP_ALL, mideleg=MIP_S if delegated else 0)
    taken = hart.pend(MIP_SEIP) == Action.JUMP
    to = S if delegated else M
    assert taken == (priv < to or (priv == to and bool(enabled & (MSTATUS_SIE if to == S else MSTATUS_MIE))))
    if taken:
        assert hart.trap() == (to, 0x200 if to == S else 0x100, PC, INTERRUPT | 9, 0)


def test_interrupts_for_m_come_before_those_for_s() -> None:
    hart = Hart()
    hart.enter(U, mie=MIP_ALL, mideleg=MIP_SEIP | MIP_SSIP)
    assert hart.pend(MIP_SEIP | MIP_STIP) == Action.JUMP
    assert hart.trap()[:1] + hart.trap()[3:4] == (M, INTERRUPT | 5)


def test_masked_interrupts_wait() -> None:
    hart = Hart()
    hart.enter(U, mie=MIP_ALL & ~MIP_SEIP)
    assert hart.pend(MIP_SEIP) == Action.CONTINUE
    assert hart.env.pc == PC
    assert not hart.env.pending


@pytest.mark.parametrize(("priv", "field"), [(S, "stvec"), (M, "mtvec")])
def test_vectored_handlers(priv: int, field: str) -> None:
    hart = Hart()
    hart.enter(U, mie=MIP_ALL, mideleg=MIP_S if priv == S else 0, medeleg=MASK64 if priv == S else 0, **{field: 0x1001})
    assert hart.pend(MIP_STIP) == Action.JUMP
    assert hart.env.pc == 0x1000 + 4 * 5
    hart.enter(U)
    raise_exception(hart.env, CAUSE_ILLEGAL, 0)
    assert hart.env.pc == 0x1000


def test_interrupt_word() -> None:
    hart = Hart()
    env = hart.env
    hart.enter(U, mie=MIP_ALL)
    assert set_mip(env, MIP_MTIP, True) == IRQ_LINES
    assert set_mip(env, MIP_MTIP, True) == 0
    assert env.mip == 0
    env.irq = IRQ_LINES | IRQ_LOOP
    assert interrupt(env) == Action.EXIT
    assert env.irq == IRQ_LINES
    assert interrupt(env) == Action.JUMP
    assert (env.irq, env.mip, hart.trap()[3]) == (0, MIP_MTIP, INTERRUPT | 7)
    set_mip(env, MIP_MTIP, False)
    assert interrupt(env) == Action.CONTINUE
    assert (env.mip, env.pending) == (0, 0)


def test_an_edge_sets_ssip_which_software_clears() -> None:
    hart = Hart()
    env = hart.env
    hart.enter(U, mie=MIP_ALL, mideleg=MIP_S)
    assert set_mip(env, MIP_SSIP, False) == 0
    env.halted = 1
    assert not has_work(env)
    env.irq = set_mip(env, MIP_SSIP, True)
    assert has_work(env)
    assert interrupt(env) == Action.JUMP
    assert (env.irq, env.mip, hart.trap()[3]) == (0, MIP_SSIP, INTERRUPT | 1)
    set_mip(env, MIP_SSIP, False)
    update_pending(env)
    assert env.mip == MIP_SSIP
    write_sip(env, 0)
    assert env.mip == 0


def test_a_return_lets_an_interrupt_in() -> None:
    hart = Hart()
    hart.enter(S, mie=MIP_ALL, mideleg=MIP_S, mstatus=MSTATUS_SPIE | MSTATUS_SPP, sepc=0x6000)
    assert hart.pend(MIP_SSIP) == Action.CONTINUE
    hart.run(SRET)
    assert hart.trap() == (S, 0x200, 0x6000, INTERRUPT | 1, 0)
    assert status(hart, MSTATUS_SPP, MSTATUS_SPIE, MSTATUS_SIE) == [True, True, False]


def test_wfi_waits_unless_something_is_pending() -> None:
    hart = Hart()
    env = hart.env
    hart.enter(S, mie=MIP_ALL, mideleg=MIP_S)
    assert hart.run(WFI) == PC + 4
    assert env.halted and not has_work(env)
    set_mip(env, MIP_SEIP, True)
    assert has_work(env)
    assert interrupt(env) == Action.CONTINUE
    assert not env.halted
    assert hart.run(WFI) == PC + 4
    assert not env.halted
    env.mstatus |= MSTATUS_SIE
    hart.run(WFI)
    assert hart.trap() == (S, 0x200, PC + 4, INTERRUPT | 9, 0)


@pytest.mark.parametrize("word", [SFENCE_VMA, SFENCE_VMA_A0, SINVAL_VMA])
def test_fences_flush(word: int) -> None:
    hart = Hart()
    hart.env.globals[10] = RAM + 0x1000
    for page in (RAM, RAM + 0x1000):
        hart.map(page, page)
        assert hart.miss(page, READ, MODE_S) == Action.CONTINUE
    assert hart.run(word, NOP) == PC + 4, "what follows is fetched anew"
    assert hart.cached(RAM + 0x1000, READ, MODE_S) is None
    assert (hart.cached(RAM, READ, MODE_S) is None) == (word == SFENCE_VMA)


def test_flags() -> None:
    hart = Hart()
    env = hart.env

    def flags(priv: int, mstatus: int = 0, frm: int = 0) -> int:
        hart.enter(priv, mstatus=mstatus, frm=frm)
        return int(env.flags)

    env.flags = FLAG_COUNT
    assert flags(U) == FLAG_COUNT
    env.flags = 0
    assert flags(S) == S << 2 | 1
    assert flags(S, MSTATUS_SUM) == S << 2 | 2
    assert flags(U, MSTATUS_SUM) == 0
    assert flags(M) == M << 2 | 3
    assert [flags(M, MSTATUS_MPRV | MSTATUS_SUM | mpp(p)) for p in (U, S, M)] == [M << 2, M << 2 | 2, M << 2 | 3]
    assert [flags(p, MSTATUS_DIRTY) & FLAG_FS_ON for p in (U, S, M)] == [FLAG_FS_ON, 0, 0]
    assert [flags(U, 0, frm) >> FLAG_FRM_SHIFT for frm in range(8)] == [0, 0, 0, 0, 1, 2, 2, 2]


def test_a_jump_cache_is_emptied_when_the_flags_of_its_mode_change() -> None:
    hart = Hart()
    env = hart.env
    hart.enter(U)
    word = env.index + env.layout.jump_cache(U) // WORD
    env.words[word] = 0x4000
    hart.enter(S)
    hart.enter(U)
    assert env.words[word] == 0x4000
    env.mstatus |= MSTATUS_FS
    update_flags(env)
    assert env.words[word] == EMPTY
