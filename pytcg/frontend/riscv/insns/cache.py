"""Zifencei, Zicbom, Zicboz: instructions about caches. Hosts keep theirs coherent, so only checks and zeroes remain."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.bits import CAUSE_ILLEGAL, ENVCFG_CBCFE, ENVCFG_CBIE, ENVCFG_CBZE, PRIV_M, PRIV_U
from pytcg.frontend.riscv.helpers import RiscvHelper
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.helpers import Helper
from pytcg.tcg.ops import code
from pytcg.tcg.state import CONST, ENV, WRITE
from pytcg.tcg.types import MO_8, MO_64, Cond, Type

LD, BRCOND, LABEL = code("ld", Type.I64), code("brcond", Type.I64), code("label")
AND, GUEST_PROBE, GUEST_ST = code("and", Type.I64), code("guest_probe", Type.I64), code("guest_st", Type.I64)
EXIT_TB = code("exit_tb")
#: bytes of a cache block, as riscv,cbom-block-size and riscv,cboz-block-size tell the guest
BLOCK = 64
INVAL, CLEAN, FLUSH, ZERO = 0, 1, 2, 4
#: what enables each in menvcfg and senvcfg; the values of CBIE but off are alike here
ENABLES = {INVAL: ENVCFG_CBIE, CLEAN: ENVCFG_CBCFE, FLUSH: ENVCFG_CBCFE, ZERO: ENVCFG_CBZE}
MENVCFG, SENVCFG, UNSURE = (LAYOUT.offset[name] for name in ("menvcfg", "senvcfg", "unsure"))


def trans_fence_i(ctx: Translator) -> None:
    """Stores discard the code that they overwrite at once, but for those that go unnoticed (env.unsure).

    The block ends, as its rest may be what was overwritten.
    """
    unsure, done = ctx.temp(), ctx.label()
    ctx.ops += ((LD, unsure, ENV, UNSURE, MO_64), (BRCOND, unsure, CONST, 0, int(Cond.EQ), done))
    ctx.call(Helper.CODE_FENCE)
    ctx.ops.append((LABEL, done))
    ctx.ops.append((EXIT_TB, ctx.insn + ctx.length))
    ctx.done = True


def _check(ctx: Translator, kind: int) -> None:
    """Fault unless menvcfg, and in U senvcfg besides, enable the operation. Kernels clear pages by cbo.zero: inline."""
    if ctx.priv == PRIV_M:
        return
    enabled, on = ctx.temp(), ctx.label()
    ctx.ops.append((LD, enabled, ENV, MENVCFG, MO_64))
    if ctx.priv == PRIV_U:
        too = ctx.temp()
        ctx.ops += ((LD, too, ENV, SENVCFG, MO_64), (AND, enabled, enabled, too, 0))
    ctx.ops.append((BRCOND, enabled, CONST, ENABLES[kind], int(Cond.TSTNE), on))
    ctx.raise_with(CAUSE_ILLEGAL, ctx.constant(ctx.word))
    ctx.ops.append((LABEL, on))


def _manage(kind: int) -> Trans:
    def trans(ctx: Translator, rs1: int) -> None:
        _check(ctx, kind)
        slow, done = ctx.temp(), ctx.label()
        ctx.call(RiscvHelper.CBO, rs1, result=slow)
        ctx.ops.append((BRCOND, slow, CONST, 0, int(Cond.EQ), done))
        ctx.call(RiscvHelper.CBO_SLOW, rs1)
        ctx.ops.append((LABEL, done))

    return trans


def trans_cbo_zero(ctx: Translator, rs1: int) -> None:
    """The probe comes first since the tval of a fault is rs1, not the start of the block."""
    _check(ctx, ZERO)
    block = ctx.temp()
    ctx.ops += (
        (GUEST_PROBE, rs1, 0, MO_8 | ctx.mode, WRITE, ctx.insn),
        (AND, block, rs1, CONST, -BLOCK),
    )
    ctx.ops += ((GUEST_ST, 0, block, offset, MO_64 | ctx.mode, ctx.insn) for offset in range(0, BLOCK, 8))


trans_cbo_inval = _manage(INVAL)
trans_cbo_clean = _manage(CLEAN)
trans_cbo_flush = _manage(FLUSH)
