"""Writes of satp, and sfence.vma (Privileged ISA manual, sections 11.1.11 and 11.2.1)."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import MSTATUS_TVM, PRIV_S, SATP_MODE_SHIFT, SATP_SV39, SATP_SV57
from pytcg.frontend.riscv.exceptions import illegal
from pytcg.frontend.riscv.interrupts import LENGTH
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.tlb import flush_page, flush_translations
from pytcg.native import native
from pytcg.tcg.helpers import Action


@native
def translation_is_trapped(env: RiscvEnv) -> int:
    """Whether mstatus.TVM keeps the current privilege from satp and sfence.vma."""
    return int(env.mstatus & MSTATUS_TVM) if env.priv == PRIV_S else 0


@native
def write_satp(env: RiscvEnv, value: int) -> None:
    """Write satp, unless the mode does not exist. Cached translations have no ASID, so a change drops them."""
    mode = value >> SATP_MODE_SHIFT
    if (mode == 0 or (mode >= SATP_SV39 and mode <= SATP_SV57)) and value != env.satp:
        env.satp = value
        flush_translations(env)


@native
def helper_write_satp(env: RiscvEnv) -> int:
    """RiscvHelper.WRITE_SATP."""
    if translation_is_trapped(env):
        return illegal(env, env.arg[2])
    write_satp(env, env.arg[0])
    env.pc = env.insn_pc + LENGTH
    return Action.JUMP


@native
def helper_sfence_vma(env: RiscvEnv) -> int:
    """RiscvHelper.SFENCE_VMA."""
    if translation_is_trapped(env):
        return illegal(env, env.arg[2])
    if env.arg[1]:
        flush_page(env, env.arg[0])
    else:
        flush_translations(env)
    return Action.CONTINUE
