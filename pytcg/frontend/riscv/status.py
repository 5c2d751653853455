"""mstatus, and the translation flags that follow from it."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import (
    FLAG_COUNT,
    FLAG_FRM_SHIFT,
    FLAG_FS_ON,
    FLAG_PRIV_SHIFT,
    FRM_HOST,
    FRM_INVALID,
    FRM_RMM,
    MODE_SUM,
    MSTATUS_FS,
    MSTATUS_MPP,
    MSTATUS_MPP_SHIFT,
    MSTATUS_MPRV,
    MSTATUS_MXR,
    MSTATUS_SD,
    MSTATUS_SUM,
    PRIV_M,
    PRIV_S,
    PRIV_U,
)
from pytcg.frontend.riscv.flush import flush_jump_cache, flush_reads
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.native import native
from pytcg.tcg.state import ONE_INSN
from pytcg.tcg.types import Rm


@native
def update_flags(env: RiscvEnv) -> None:
    """Work out the translation flags after a change of privilege, mstatus or frm; drop a jump cache of other flags."""
    status = env.mstatus
    priv = env.priv
    mode = priv
    if priv == PRIV_M and status & MSTATUS_MPRV:
        mode = status >> MSTATUS_MPP_SHIFT & 3
    if mode == PRIV_S and status & MSTATUS_SUM:
        mode = MODE_SUM
    flags = env.flags & FLAG_COUNT | priv << FLAG_PRIV_SHIFT | mode
    if priv == PRIV_U and status & MSTATUS_FS:
        flags |= FLAG_FS_ON
    frm = env.frm
    flags |= (FRM_HOST if frm < Rm.RMM else FRM_RMM if frm == Rm.RMM else FRM_INVALID) << FLAG_FRM_SHIFT
    if env.pmp_fine and (priv != PRIV_M or env.pmp_locked):
        flags |= ONE_INSN
    env.flags = flags
    if env.jump_cache_flags[mode] != flags:
        env.jump_cache_flags[mode] = flags
        flush_jump_cache(env, mode)


@native
def write_status(env: RiscvEnv, value: int, mask: int) -> None:
    """Write the bits `mask` of mstatus, as far as they exist. MPP keeps its value for a reserved one."""
    old = env.mstatus
    mask &= env.status_mask
    status = old & ~mask | value & mask
    status = status | MSTATUS_SD if status & MSTATUS_FS == MSTATUS_FS else status & ~MSTATUS_SD
    if status & MSTATUS_MPP == 2 << MSTATUS_MPP_SHIFT:
        status = status & ~MSTATUS_MPP | old & MSTATUS_MPP
    env.mstatus = status
    if (old ^ status) & MSTATUS_MXR:
        flush_reads(env)
    update_flags(env)
