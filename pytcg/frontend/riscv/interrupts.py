"""Interrupts: lines in, traps out (Privileged ISA manual, sections 3.1.9 and 11.1.3).

Threads: devices write env.mip_lines and set bits of env.irq, both under one lock; everything else here belongs to the
vCPU's thread. env.irq: bit 0 (IRQ_LINES) the lines changed, cleared here; bit 1 (IRQ_LOOP) the CPU loop must look,
cleared by the CPU loop.
"""

from __future__ import annotations

from pytcg.frontend.riscv.bits import (
    INTERRUPT,
    IRQ_MEI,
    IRQ_MSI,
    IRQ_MTI,
    IRQ_SEI,
    IRQ_SSI,
    IRQ_STI,
    MENVCFG_STCE,
    MIP_MEIP,
    MIP_MSIP,
    MIP_MTIP,
    MIP_SEIP,
    MIP_SSIP,
    MSTATUS_MIE,
    MSTATUS_SIE,
    MSTATUS_TW,
    PRIV_M,
    PRIV_S,
)
from pytcg.frontend.riscv.exceptions import illegal, raise_exception
from pytcg.frontend.riscv.state import LAYOUT, RiscvEnv
from pytcg.native import native
from pytcg.native.intrinsics import cas64
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import IRQ_LINES, IRQ_LOOP

IRQ = LAYOUT.offset["irq"]
WFI_WORD = 0x10500073
#: length of the instructions whose helpers go on behind them
LENGTH = 4


@native
def update_pending(env: RiscvEnv) -> None:
    """Look at the lines, after a change of them, of mip_soft or of mie."""
    env.mip = env.mip_lines | env.mip_soft
    env.pending = env.mip & env.mie
    if env.pending:
        env.halted = 0


@native
def highest(mip: int) -> int:
    """The code of the interrupt to be taken first among pending ones."""
    if mip & MIP_MEIP:
        return IRQ_MEI
    if mip & MIP_MSIP:
        return IRQ_MSI
    if mip & MIP_MTIP:
        return IRQ_MTI
    if mip & MIP_SEIP:
        return IRQ_SEI
    return IRQ_SSI if mip & MIP_SSIP else IRQ_STI


@native
def deliver(env: RiscvEnv) -> int:
    """Take an interrupt before the instruction at env.pc, if one is pending and enabled: JUMP, else CONTINUE."""
    pending = env.pending
    if pending == 0:
        return Action.CONTINUE
    priv = env.priv
    chosen = pending & ~env.mideleg
    if priv == PRIV_M and env.mstatus & MSTATUS_MIE == 0:
        return Action.CONTINUE
    if chosen == 0:
        if priv == PRIV_M or (priv == PRIV_S and env.mstatus & MSTATUS_SIE == 0):
            return Action.CONTINUE
        chosen = pending
    env.insn_pc = env.pc
    return raise_exception(env, INTERRUPT | highest(chosen), 0)


@native
def interrupt(env: RiscvEnv) -> int:
    """Helper.INTERRUPT: env.irq was seen. JUMP: trapped; CONTINUE: go on at env.pc; EXIT: the CPU loop must look."""
    requests: int = env.irq
    if requests & IRQ_LOOP:
        return Action.EXIT
    while requests & IRQ_LINES:
        found = cas64(env.self + IRQ, requests, requests & ~IRQ_LINES)
        if found == requests:
            break
        requests = found
    update_pending(env)
    return deliver(env)


@native
def helper_check_interrupts(env: RiscvEnv) -> int:
    """RiscvHelper.CHECK_INTERRUPTS."""
    env.pc = env.insn_pc + LENGTH
    return deliver(env)


@native
def helper_wfi(env: RiscvEnv) -> int:
    """RiscvHelper.WFI: EXIT with env.halted set, unless an enabled interrupt is pending already."""
    if env.priv != PRIV_M and env.mstatus & MSTATUS_TW:
        return illegal(env, WFI_WORD)
    env.pc = env.insn_pc + LENGTH
    update_pending(env)
    if env.pending:
        return deliver(env)
    env.halted = 1
    return Action.EXIT


def set_mip(env: RiscvEnv, mask: int, level: bool) -> None:
    """Drive interrupt lines (bits of mip) high or low. For device threads, under their lock."""
    lines = env.mip_lines | mask if level else env.mip_lines & ~mask
    if lines != env.mip_lines:
        env.mip_lines = lines
        env.irq |= IRQ_LINES


def has_work(env: RiscvEnv) -> bool:
    """Whether a vCPU halted in wfi has to go on."""
    return bool((env.mip_lines | env.mip_soft) & env.mie)


def timer_deadline(env: RiscvEnv) -> int | None:
    """The guest time from which on STIP is to be high, None where software drives STIP (Sstc, section 17)."""
    return int(env.stimecmp) if env.menvcfg & MENVCFG_STCE else None
