"""Writes of satp, and sfence.vma (Privileged ISA manual, sections 11.1.11 and 11.2.1)."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import (
    MSTATUS_TVM,
    PRIV_S,
    SATP_ASID,
    SATP_ASID_SHIFT,
    SATP_MODE_SHIFT,
    SATP_SV39,
    SATP_SV57,
)
from pytcg.frontend.riscv.exceptions import illegal
from pytcg.frontend.riscv.flush import flush_address_space, flush_page, flush_translations
from pytcg.frontend.riscv.interrupts import LENGTH
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.native import native
from pytcg.tcg.helpers import Action

#: the fields of the instruction that name a register with an address, and with an ASID
RS1, RS2 = 31 << 15, 31 << 20


@native
def translation_is_trapped(env: RiscvEnv) -> int:
    """Whether mstatus.TVM keeps the current privilege from satp and sfence.vma."""
    return int(env.mstatus & MSTATUS_TVM) if env.priv == PRIV_S else 0


@native
def write_satp(env: RiscvEnv, value: int) -> None:
    """Write satp, unless the mode does not exist. What is cached is of one ASID, or global."""
    mode = value >> SATP_MODE_SHIFT
    changed = env.satp ^ value
    if (mode == 0 or (mode >= SATP_SV39 and mode <= SATP_SV57)) and changed:
        env.satp = value
        if changed & SATP_ASID and changed >> SATP_MODE_SHIFT == 0:
            flush_address_space(env)
        else:
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
    """RiscvHelper.SFENCE_VMA: arg[0] and arg[1] are the values of rs1 and rs2, arg[2] the instruction.

    With an ASID, global pages stay; of other ASIDs than the current one nothing is cached.
    """
    if translation_is_trapped(env):
        return illegal(env, env.arg[2])
    word = env.arg[2]
    if word & RS2 == 0:
        if word & RS1:
            flush_page(env, env.arg[0])
        else:
            flush_translations(env)
    elif (env.arg[1] << SATP_ASID_SHIFT ^ env.satp) & SATP_ASID == 0:
        if word & RS1:
            flush_page(env, env.arg[0])
        else:
            flush_address_space(env)
    return Action.CONTINUE
