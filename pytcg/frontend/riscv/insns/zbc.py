"""Zbc: carry-less multiplication."""

from __future__ import annotations

from pytcg.frontend.riscv.insns.common import binary
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import code
from pytcg.tcg.state import CONST
from pytcg.tcg.types import Type

CLMUL, CLMULH = code("clmul", Type.I64), code("clmulh", Type.I64)
SHL, SHR, OR = code("shl", Type.I64), code("shr", Type.I64), code("or", Type.I64)

trans_clmul = binary("clmul")
trans_clmulh = binary("clmulh")


def trans_clmulr(ctx: Translator, rd: int, rs1: int, rs2: int) -> None:
    """Bits 63 to 126 of the product."""
    if rd:
        low, high = ctx.temp(), ctx.temp()
        ctx.ops += (
            (CLMUL, low, rs1, rs2, 0),
            (CLMULH, high, rs1, rs2, 0),
            (SHR, low, low, CONST, 63),
            (SHL, high, high, CONST, 1),
            (OR, rd, high, low, 0),
        )
