"""Interrupts: lines in, traps out (Privileged ISA manual, sections 3.1.9 and 11.1.3).

Threads: devices write env.mip_lines under a lock, and env.software_line without, then set IRQ_LINES in env.irq, or
IRQ_EDGE for SSIP; everything else here belongs to the vCPU's thread, which clears what it has seen of env.irq. All
changes of env.irq are atomic.
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
from pytcg.frontend.riscv.timer import arm, timer_line
from pytcg.native import native
from pytcg.native.atomic import clear_bits
from pytcg.native.intrinsics import clock, kernel_call
from pytcg.native.kernel import FUTEX, FUTEX_WAIT
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, IRQ_ALARM, IRQ_EDGE, IRQ_LINES, IRQ_LOOP, IRQ_POLL

IRQ = LAYOUT.offset["irq"]
WFI_WORD = 0x10500073
#: length of the instructions whose helpers go on behind them
LENGTH = 4


@native
def update_pending(env: RiscvEnv) -> None:
    """Look at the lines, after a change of them, of mip_soft, of stimecmp or of mie."""
    env.mip = env.mip_lines | env.software_line | env.mip_soft | timer_line(env)
    env.pending = env.mip & env.mie
    if env.pending:
        env.halted = 0


@native
def look(env: RiscvEnv) -> None:
    """Look at the lines, as env.irq asks for."""
    requests = clear_bits(env.self + IRQ, IRQ_LINES | IRQ_ALARM | IRQ_EDGE | IRQ_POLL)
    if requests & IRQ_ALARM:
        # It may have rung early, or for a deadline that has been put off since.
        env.alarm_at = EMPTY
        arm(env)
    if requests & IRQ_EDGE:
        env.mip_soft |= MIP_SSIP
    update_pending(env)


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
    if clear_bits(env.self + IRQ, IRQ_LOOP) & IRQ_LOOP:
        return Action.EXIT
    look(env)
    return deliver(env)


@native
def helper_check_interrupts(env: RiscvEnv) -> int:
    """RiscvHelper.CHECK_INTERRUPTS."""
    env.pc = env.insn_pc + LENGTH
    return deliver(env)


@native
def sleep(env: RiscvEnv) -> int:
    """Sleep until an enabled interrupt is pending: CONTINUE; or until the CPU loop must look: EXIT."""
    start = clock()
    requests: int = 0
    while env.halted and requests & IRQ_LOOP == 0:
        # Comes back at once if env.irq is not zero, and when a signal comes: that of the alarm sets IRQ_ALARM.
        kernel_call(FUTEX, env.self + IRQ, FUTEX_WAIT, 0)
        requests = clear_bits(env.self + IRQ, IRQ_LOOP)
        look(env)
    env.halted = 0
    env.idle += clock() - start
    return Action.EXIT if requests & IRQ_LOOP else Action.CONTINUE


@native
def helper_wfi(env: RiscvEnv) -> int:
    """RiscvHelper.WFI: goes on once an enabled interrupt is pending, or for no reason (section 3.3.3).

    EXIT with env.halted set where the CPU loop is to wait.
    """
    if env.priv != PRIV_M and env.mstatus & MSTATUS_TW:
        return illegal(env, WFI_WORD)
    env.pc = env.insn_pc + LENGTH
    update_pending(env)
    if env.pending == 0:
        env.halted = 1
        if env.alarm == 0 or sleep(env) == Action.EXIT:
            return Action.EXIT
    return deliver(env)


def set_mip(env: RiscvEnv, mask: int, level: bool) -> int:
    """Drive interrupt lines (bits of mip) high or low: the bits of env.irq that are to be set. Under a lock.

    SSIP is no line: an edge sets it, and software clears it (ACLINT specification 1.0, section 4).
    """
    if mask == MIP_SSIP:
        return IRQ_EDGE if level else 0
    if mask == MIP_MSIP:
        env.software_line = mask if level else 0
        return IRQ_LINES
    lines = env.mip_lines | mask if level else env.mip_lines & ~mask
    if lines == env.mip_lines:
        return 0
    env.mip_lines = lines
    return IRQ_LINES


#: what `Guest.wire` says: software interrupts, which harts send each other
WIRES = {MIP_MSIP: (IRQ_LINES, "software_line"), MIP_SSIP: (IRQ_EDGE, "")}


def has_work(env: RiscvEnv) -> bool:
    """Whether a vCPU halted in wfi has to go on."""
    edge = MIP_SSIP if env.irq & IRQ_EDGE else 0
    return bool((env.mip_lines | env.software_line | env.mip_soft | edge | timer_line(env)) & env.mie)
