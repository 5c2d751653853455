"""RV64I: loads and stores."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import Op, code
from pytcg.tcg.types import MO_8, MO_16, MO_32, MO_64, MO_SIGN, Type

GUEST_LD, GUEST_ST = code("guest_ld", Type.I64), code("guest_st", Type.I64)


def _load(mop: int) -> Trans:
    """rd = memory at rs1 + imm. A load to x0 still faults."""

    def trans(ctx: Translator, rd: int, rs1: int, imm: int) -> Op | None:
        if rd:
            return GUEST_LD, rd, rs1, imm, mop | ctx.mode, ctx.insn
        ctx.ops.append((GUEST_LD, ctx.temp(), rs1, imm, mop | ctx.mode, ctx.insn))
        return None

    return trans


def _store(mop: int) -> Trans:
    """Memory at rs1 + imm = rs2."""

    def trans(ctx: Translator, rs1: int, rs2: int, imm: int) -> Op:
        return GUEST_ST, rs2, rs1, imm, mop | ctx.mode, ctx.insn

    return trans


trans_lb = _load(MO_8 | MO_SIGN)
trans_lh = _load(MO_16 | MO_SIGN)
trans_lw = _load(MO_32 | MO_SIGN)
trans_ld = _load(MO_64)
trans_lbu = _load(MO_8)
trans_lhu = _load(MO_16)
trans_lwu = _load(MO_32)

trans_sb = _store(MO_8)
trans_sh = _store(MO_16)
trans_sw = _store(MO_32)
trans_sd = _store(MO_64)
