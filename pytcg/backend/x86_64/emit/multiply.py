"""Multiplication and division, carry-less multiplication too."""

from __future__ import annotations

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.operands import Emitter, Operands, constant
from pytcg.backend.x86_64.encode import RAX, RCX, RDX, Encoder, fits
from pytcg.tcg.ops import Op
from pytcg.tcg.state import CONST
from pytcg.tcg.types import Type, sext, signed64


def mul(m: Operands, op: Op) -> bytes:
    code, d, a, b, imm = op
    type = code & 7
    w = int(type == Type.I64)
    if b == CONST:
        imm, target = signed64(imm) if w else sext(imm, 32), m.target(d)
        if fits(imm, 32):
            return x.imul_imm(w, target, m.at[a], imm) + m.finish(type, d, target)
        return constant(RCX, imm) + x.imul(w, RCX, m.at[a]) + m.finish(type, d, RCX)
    target = m.target(d) if d == a else m.target(d, b)
    return m.load(w, target, a) + x.imul(w, target, m.at[b]) + m.finish(type, d, target)


def _multiply_high(multiply: Encoder) -> Emitter:
    def emit(m: Operands, op: Op) -> bytes:
        _, d, a, b, imm = op
        return m.load_b(1, RCX, b, imm) + m.load(1, RAX, a) + multiply(1, RCX) + m.store(d, RDX)

    return emit


def mulsuh(m: Operands, op: Op) -> bytes:
    """The unsigned product's high half, less b where a is negative."""
    _, d, a, b, imm = op
    body = m.load_b(1, RCX, b, imm) + m.load(1, RAX, a) + x.mul(1, RCX)
    body += m.load(1, RAX, a) + x.sar(1, RAX, 63) + x.and_(1, RAX, RCX) + x.sub(1, RDX, RAX)
    return body + m.store(d, RDX)


def _divide(signed: bool, remainder: bool) -> Emitter:
    """Division by zero and (signed) by -1, which the host traps on, go round the host's instruction."""

    def emit(m: Operands, op: Op) -> bytes:
        code, d, a, b, imm = op
        type = code & 7
        w = int(type == Type.I64)
        by_zero = x.mov(w, RDX, RAX) if remainder else x.mov_imm(w, RAX, -1)
        if signed:
            by_minus_one = x.xor(0, RDX, RDX) if remainder else x.neg(w, RAX)
            by_minus_one += x.jmp8(len(by_zero))
            divide = x.CDQ[w] + x.idiv(w, RCX)
            divide += x.jmp8(len(by_minus_one) + len(by_zero))
            check = x.cmp_imm(w, RCX, -1) + x.jcc8(x.E, len(divide))
        else:
            by_minus_one, check = b"", b""
            divide = x.xor(0, RDX, RDX) + x.div(w, RCX)
            divide += x.jmp8(len(by_zero))
        divide = check + divide + by_minus_one
        head = m.load_b(w, RCX, b, imm) + m.load(w, RAX, a) + x.test(w, RCX, RCX) + x.jcc8(x.E, len(divide))
        return head + divide + by_zero + m.finish(type, d, RDX if remainder else RAX)

    return emit


def _carryless(high: bool) -> Emitter:
    def emit(m: Operands, op: Op) -> bytes:
        _, d, a, b, imm = op
        body = m.load_b(1, RCX, b, imm) + x.movq(1, RCX) + x.movq(0, m.at[a]) + x.pclmulqdq(0, 1, 0)
        return body + (x.pextrq(RAX, 0, 1) if high else x.movq_store(RAX, 0)) + m.store(d, RAX)

    return emit


MULTIPLY: dict[str, Emitter] = {
    "mul": mul,
    "mulsh": _multiply_high(x.imul_wide),
    "muluh": _multiply_high(x.mul),
    "mulsuh": mulsuh,
    "div": _divide(True, False),
    "divu": _divide(False, False),
    "rem": _divide(True, True),
    "remu": _divide(False, True),
    "clmul": _carryless(False),
    "clmulh": _carryless(True),
}
