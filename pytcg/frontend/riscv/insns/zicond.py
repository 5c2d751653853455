"""Zicond: integer conditional operations."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST
from pytcg.tcg.types import Cond, Type

MOVCOND = code("movcond", Type.I64)


def _zero_if(cond: Cond) -> Trans:
    """rd = 0 if rs2 cond 0, else rs1."""
    number = int(cond)

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> Op | None:
        return (MOVCOND, rd, rs2, CONST, 0, number, 0, rs1) if rd else None

    return trans


trans_czero_eqz = _zero_if(Cond.EQ)
trans_czero_nez = _zero_if(Cond.NE)
