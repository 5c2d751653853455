"""Zbs: single-bit instructions."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST
from pytcg.tcg.types import Type

AND, SHL, SHR, EXTRACT = code("and", Type.I64), code("shl", Type.I64), code("shr", Type.I64), code("extract", Type.I64)
MOVI = code("movi", Type.I64)


def _change(name: str) -> Trans:
    """rd = rs1 op (1 << rs2)."""
    op = code(name, Type.I64)

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> None:
        if rd:
            mask = ctx.temp()
            ctx.ops += ((MOVI, mask, 1), (SHL, mask, mask, rs2, 0), (op, rd, rs1, mask, 0))

    return trans


def _change_imm(name: str) -> Trans:
    """rd = rs1 op (1 << imm)."""
    op = code(name, Type.I64)

    def trans(ctx: Translator, rd: int, rs1: int, imm: int) -> Op | None:
        return (op, rd, rs1, CONST, 1 << imm) if rd else None

    return trans


def trans_bext(ctx: Translator, rd: int, rs1: int, rs2: int) -> None:
    if rd:
        shifted = ctx.temp()
        ctx.ops += ((SHR, shifted, rs1, rs2, 0), (AND, rd, shifted, CONST, 1))


def trans_bexti(ctx: Translator, rd: int, rs1: int, imm: int) -> Op | None:
    return (EXTRACT, rd, rs1, imm, 1) if rd else None


trans_bclr = _change("andc")
trans_binv = _change("xor")
trans_bset = _change("or")
trans_bclri = _change_imm("andc")
trans_binvi = _change_imm("xor")
trans_bseti = _change_imm("or")
