"""Environment calls, returns from traps, wfi, and fences of translations (Svinval's too)."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import CAUSE_BREAKPOINT, PRIV_M, PRIV_S, PRIV_U
from pytcg.frontend.riscv.helpers import RiscvHelper
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import code
from pytcg.tcg.types import Type

EXIT_TB, PC_REL = code("exit_tb"), code("pc_rel", Type.I64)


def _leave(ctx: Translator, helper: RiscvHelper) -> None:
    """Call a helper that never comes back."""
    ctx.call(helper)
    ctx.ops.append((EXIT_TB, ctx.insn))
    ctx.done = True


def _end(ctx: Translator) -> None:
    """End the block; the next instruction is looked up anew."""
    ctx.ops.append((EXIT_TB, ctx.insn + ctx.length))
    ctx.done = True


def trans_ecall(ctx: Translator) -> None:
    _leave(ctx, RiscvHelper.ECALL)


def trans_ebreak(ctx: Translator) -> None:
    pc = ctx.temp()
    ctx.ops.append((PC_REL, pc, ctx.insn))
    ctx.raise_with(CAUSE_BREAKPOINT, pc)
    ctx.ops.append((EXIT_TB, ctx.insn))
    ctx.done = True


def trans_sret(ctx: Translator) -> None:
    if ctx.priv < PRIV_S:
        ctx.illegal()
    else:
        _leave(ctx, RiscvHelper.SRET)


def trans_mret(ctx: Translator) -> None:
    if ctx.priv < PRIV_M:
        ctx.illegal()
    else:
        _leave(ctx, RiscvHelper.MRET)


def trans_wfi(ctx: Translator) -> None:
    """Where S exists, U must not wait."""
    if ctx.priv == PRIV_U:
        ctx.illegal()
    else:
        ctx.call(RiscvHelper.WFI)
        _end(ctx)


def trans_sfence_vma(ctx: Translator, rs1: int, rs2: int) -> None:
    if ctx.priv == PRIV_U:
        ctx.illegal()
    else:
        ctx.call(RiscvHelper.SFENCE_VMA, rs1, rs2, ctx.constant(ctx.word))
        _end(ctx)


trans_sinval_vma = trans_sfence_vma


def trans_sfence_w_inval(ctx: Translator) -> None:
    """sinval.vma does all that is ordered here; mstatus.TVM does not matter."""
    if ctx.priv == PRIV_U:
        ctx.illegal()


trans_sfence_inval_ir = trans_sfence_w_inval
