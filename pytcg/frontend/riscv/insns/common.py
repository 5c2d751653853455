"""Makers of trans functions for whole families of register-to-register instructions."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST
from pytcg.tcg.types import Cond, Type


def binary(name: str, type: Type = Type.I64) -> Trans:
    """rd = rs1 op rs2."""
    op = code(name, type)

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> Op | None:
        return (op, rd, rs1, rs2 or CONST, 0) if rd else None

    return trans


def binary_imm(name: str, type: Type = Type.I64) -> Trans:
    """rd = rs1 op imm."""
    op = code(name, type)

    def trans(ctx: Translator, rd: int, rs1: int, imm: int) -> Op | None:
        return (op, rd, rs1, CONST, imm) if rd else None

    return trans


def unary(name: str, type: Type = Type.I64) -> Trans:
    """rd = op rs1."""
    op = code(name, type)

    def trans(ctx: Translator, rd: int, rs1: int) -> Op | None:
        return (op, rd, rs1) if rd else None

    return trans


def bits(name: str, position: int, length: int) -> Trans:
    """rd = a bit field of rs1: `name` is extract or sextract."""
    op = code(name, Type.I64)

    def trans(ctx: Translator, rd: int, rs1: int) -> Op | None:
        return (op, rd, rs1, position, length) if rd else None

    return trans


def compare(cond: Cond) -> Trans:
    """rd = 1 if rs1 cond rs2, else 0."""
    op, number = code("setcond", Type.I64), int(cond)

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> Op | None:
        return (op, rd, rs1, rs2 or CONST, 0, number) if rd else None

    return trans


def compare_imm(cond: Cond) -> Trans:
    """rd = 1 if rs1 cond imm, else 0."""
    op, number = code("setcond", Type.I64), int(cond)

    def trans(ctx: Translator, rd: int, rs1: int, imm: int) -> Op | None:
        return (op, rd, rs1, CONST, imm, number) if rd else None

    return trans
