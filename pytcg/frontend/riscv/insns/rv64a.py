"""RV64A: load-reserved, store-conditional, and atomic memory operations."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.bits import CAUSE_STORE_MISALIGNED
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import code
from pytcg.tcg.state import CONST, ENV
from pytcg.tcg.types import MO_32, MO_64, MO_ALIGN, MO_SIGN, Cond, Type

GUEST_LD, CMPXCHG = code("guest_ld", Type.I64), code("atomic_cmpxchg", Type.I64)
LD, ST, MOV, MOVI = code("ld", Type.I64), code("st", Type.I64), code("mov", Type.I64), code("movi", Type.I64)
BR, BRCOND, LABEL = code("br"), code("brcond", Type.I64), code("label")
RES_ADDR, RES_VALUE = LAYOUT.offset["res_addr"], LAYOUT.offset["res_value"]
NE, TSTEQ = int(Cond.NE), int(Cond.TSTEQ)
NO_RESERVATION = -1
WORD, DOUBLE = MO_32 | MO_SIGN | MO_ALIGN, MO_64 | MO_ALIGN


def _load_reserved(mop: int) -> Trans:
    """rd = memory at rs1; reserve the address, and remember what was read there."""

    def trans(ctx: Translator, rd: int, rs1: int) -> None:
        value = ctx.temp()
        ctx.ops += (
            (GUEST_LD, value, rs1, 0, mop | ctx.mode, ctx.insn),
            (ST, rs1, ENV, RES_ADDR, MO_64),
            (ST, value, ENV, RES_VALUE, MO_64),
        )
        if rd:
            ctx.ops.append((MOV, rd, value))

    return trans


def _store_conditional(mop: int, type: Type) -> Trans:
    """Memory at rs1 = rs2 and rd = 0, if rs1 is reserved and memory holds what was read there; else rd = 1."""
    setcond, size = code("setcond", type), 4 if mop == WORD else 8

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> None:
        reserved, expected, none, failed, aligned, done = (
            ctx.temp(),
            ctx.temp(),
            ctx.constant(NO_RESERVATION),
            ctx.label(),
            ctx.label(),
            ctx.label(),
        )
        result = rd or none
        ctx.ops += (
            (LD, reserved, ENV, RES_ADDR, MO_64),
            (LD, expected, ENV, RES_VALUE, MO_64),
            (ST, none, ENV, RES_ADDR, MO_64),
            (BRCOND, rs1, reserved, 0, NE, failed),
            (CMPXCHG, reserved, rs1, expected, rs2, mop | ctx.mode, ctx.insn),
            (setcond, result, reserved, expected, 0, NE),
            (BR, done),
            (LABEL, failed),
            (BRCOND, rs1, CONST, size - 1, TSTEQ, aligned),
        )
        ctx.raise_with(CAUSE_STORE_MISALIGNED, rs1)
        ctx.ops += ((LABEL, aligned), (MOVI, result, 1), (LABEL, done))

    return trans


def _atomic(name: str, mop: int) -> Trans:
    """rd = memory at rs1, which becomes rd op rs2."""
    op = code(f"atomic_{name}", Type.I64)

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> None:
        ctx.ops.append((op, rd or ctx.temp(), rs1, rs2, mop | ctx.mode, ctx.insn))

    return trans


trans_lr_w = _load_reserved(WORD)
trans_sc_w = _store_conditional(WORD, Type.I32)
trans_amoswap_w = _atomic("xchg", WORD)
trans_amoadd_w = _atomic("add", WORD)
trans_amoxor_w = _atomic("xor", WORD)
trans_amoand_w = _atomic("and", WORD)
trans_amoor_w = _atomic("or", WORD)
trans_amomin_w = _atomic("smin", WORD)
trans_amomax_w = _atomic("smax", WORD)
trans_amominu_w = _atomic("umin", WORD)
trans_amomaxu_w = _atomic("umax", WORD)

trans_lr_d = _load_reserved(DOUBLE)
trans_sc_d = _store_conditional(DOUBLE, Type.I64)
trans_amoswap_d = _atomic("xchg", DOUBLE)
trans_amoadd_d = _atomic("add", DOUBLE)
trans_amoxor_d = _atomic("xor", DOUBLE)
trans_amoand_d = _atomic("and", DOUBLE)
trans_amoor_d = _atomic("or", DOUBLE)
trans_amomin_d = _atomic("smin", DOUBLE)
trans_amomax_d = _atomic("smax", DOUBLE)
trans_amominu_d = _atomic("umin", DOUBLE)
trans_amomaxu_d = _atomic("umax", DOUBLE)
