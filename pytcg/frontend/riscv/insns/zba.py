"""Zba: address generation."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import code
from pytcg.tcg.state import CONST
from pytcg.tcg.types import Type

ADD, SHL, EXTRACT = code("add", Type.I64), code("shl", Type.I64), code("extract", Type.I64)


def _shift_add(shift: int, word: bool) -> Trans:
    """rd = rs2 + (rs1, or with `word` its zero-extended low 32 bits, << shift)."""

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> None:
        if not rd:
            return
        if not rs2:
            _shift(ctx, rd, rs1, shift, word)
        else:
            index = ctx.temp()
            _shift(ctx, index, rs1, shift, word)
            ctx.ops.append((ADD, rd, rs2, index, 0))

    return trans


def _shift(ctx: Translator, to: int, source: int, shift: int, word: bool) -> None:
    if word:
        ctx.ops.append((EXTRACT, to, source, 0, 32))
        source = to
    if shift:
        ctx.ops.append((SHL, to, source, CONST, shift))


def trans_slli_uw(ctx: Translator, rd: int, rs1: int, imm: int) -> None:
    if rd:
        _shift(ctx, rd, rs1, imm, True)


trans_add_uw = _shift_add(0, True)
trans_sh1add = _shift_add(1, False)
trans_sh2add = _shift_add(2, False)
trans_sh3add = _shift_add(3, False)
trans_sh1add_uw = _shift_add(1, True)
trans_sh2add_uw = _shift_add(2, True)
trans_sh3add_uw = _shift_add(3, True)
