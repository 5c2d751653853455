"""Entering traps (Privileged ISA manual, sections 3.1.6-3.1.8, 3.1.15, 11.1), and helpers that raise exceptions."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import (
    CAUSE_ECALL_U,
    CAUSE_FETCH_ACCESS,
    CAUSE_FETCH_PAGE,
    CAUSE_ILLEGAL,
    CAUSE_LOAD_ACCESS,
    CAUSE_LOAD_PAGE,
    CAUSE_STORE_ACCESS,
    CAUSE_STORE_PAGE,
    INTERRUPT,
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPP,
    MSTATUS_MPP_SHIFT,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    PRIV_M,
    PRIV_S,
)
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.status import update_flags
from pytcg.frontend.riscv.traplog import note_trap
from pytcg.native import native
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import FETCH, WRITE


@native
def raise_exception(env: RiscvEnv, cause: int, tval: int) -> int:
    """Enter the trap handler for a cause (bit 63: interrupt). env.insn_pc is the pc to be saved. Returns JUMP."""
    note_trap(env, cause, tval)
    status = env.mstatus
    priv = env.priv
    delegated = (env.mideleg if cause & INTERRUPT else env.medeleg) >> (cause & 63) & 1
    if priv <= PRIV_S and delegated:
        env.sepc = env.insn_pc
        env.scause = cause
        env.stval = tval
        stacked = MSTATUS_SPIE if status & MSTATUS_SIE else 0
        if priv == PRIV_S:
            stacked |= MSTATUS_SPP
        env.mstatus = status & ~(MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP) | stacked
        vector = env.stvec
        priv = PRIV_S
    else:
        env.mepc = env.insn_pc
        env.mcause = cause
        env.mtval = tval
        stacked = priv << MSTATUS_MPP_SHIFT
        if status & MSTATUS_MIE:
            stacked |= MSTATUS_MPIE
        env.mstatus = status & ~(MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP) | stacked
        vector = env.mtvec
        priv = PRIV_M
    env.priv = priv
    if vector & 1 and cause & INTERRUPT:
        env.pc = vector - 1 + (cause << 2)
    else:
        env.pc = vector & ~1
    update_flags(env)
    return Action.JUMP


@native
def illegal(env: RiscvEnv, word: int) -> int:
    """Raise illegal instruction for the instruction's bits."""
    return raise_exception(env, CAUSE_ILLEGAL, word)


@native
def raise_fault(env: RiscvEnv, address: int, access: int, page: int) -> int:
    """Raise the page fault, or the access fault unless `page`, of a virtual address."""
    if access == FETCH:
        cause = CAUSE_FETCH_PAGE if page else CAUSE_FETCH_ACCESS
    elif access == WRITE:
        cause = CAUSE_STORE_PAGE if page else CAUSE_STORE_ACCESS
    else:
        cause = CAUSE_LOAD_PAGE if page else CAUSE_LOAD_ACCESS
    return raise_exception(env, cause, address)


@native
def helper_raise(env: RiscvEnv) -> int:
    """RiscvHelper.RAISE."""
    return raise_exception(env, env.arg[0], env.arg[1])


@native
def helper_ecall(env: RiscvEnv) -> int:
    """RiscvHelper.ECALL."""
    return raise_exception(env, CAUSE_ECALL_U + env.priv, 0)
