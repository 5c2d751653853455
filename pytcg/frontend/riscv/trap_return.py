"""Returns from traps, and writes that may let an interrupt in (Privileged ISA manual, sections 3.3.2 and 11.1.1)."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import (
    MSTATUS_FS,
    MSTATUS_MIE,
    MSTATUS_MPIE,
    MSTATUS_MPP,
    MSTATUS_MPP_SHIFT,
    MSTATUS_MPRV,
    MSTATUS_SIE,
    MSTATUS_SPIE,
    MSTATUS_SPP,
    MSTATUS_TSR,
    PRIV_M,
    PRIV_S,
    PRIV_U,
)
from pytcg.frontend.riscv.exceptions import illegal
from pytcg.frontend.riscv.interrupts import LENGTH, deliver
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.status import update_flags, write_status
from pytcg.native import native
from pytcg.tcg.helpers import Action

SRET_WORD = 0x10200073


@native
def go_on(env: RiscvEnv, pc: int, status: int, priv: int) -> int:
    """Go on at `pc` with a new mstatus and privilege, or in the handler of an interrupt that they let in: JUMP."""
    env.pc = pc
    env.mstatus = status
    env.priv = priv
    update_flags(env)
    deliver(env)
    return Action.JUMP


@native
def helper_sret(env: RiscvEnv) -> int:
    """RiscvHelper.SRET."""
    status = env.mstatus
    if env.priv == PRIV_S and status & MSTATUS_TSR:
        return illegal(env, SRET_WORD)
    priv = PRIV_S if status & MSTATUS_SPP else PRIV_U
    enabled = MSTATUS_SIE if status & MSTATUS_SPIE else 0
    status = status & ~(MSTATUS_SPP | MSTATUS_SIE | MSTATUS_MPRV) | MSTATUS_SPIE | enabled
    return go_on(env, env.sepc, status, priv)


@native
def helper_mret(env: RiscvEnv) -> int:
    """RiscvHelper.MRET."""
    status = env.mstatus
    priv = status >> MSTATUS_MPP_SHIFT & 3
    enabled = MSTATUS_MIE if status & MSTATUS_MPIE else 0
    status = status & ~(MSTATUS_MPP | MSTATUS_MIE) | MSTATUS_MPIE | enabled
    if priv != PRIV_M:
        status &= ~MSTATUS_MPRV
    return go_on(env, env.mepc, status, priv)


@native
def helper_write_status(env: RiscvEnv) -> int:
    """RiscvHelper.WRITE_STATUS. The rest of the block may rely on the flags, and on what was found in FS."""
    flags = env.flags
    status = env.mstatus
    write_status(env, env.arg[0], env.arg[1])
    changed = env.flags != flags or (env.mstatus ^ status) & MSTATUS_FS
    env.pc = env.insn_pc + LENGTH
    taken = deliver(env)
    return Action.JUMP if changed else taken
