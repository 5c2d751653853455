"""Complements, the order of bytes, counting bits, and bit fields."""

from __future__ import annotations

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.operands import Emitter, Operands
from pytcg.backend.x86_64.encode import RAX, RDX, Encoder
from pytcg.tcg.ops import Op
from pytcg.tcg.state import CONST
from pytcg.tcg.types import MASK64, Type


def _in_place(instruction: Encoder) -> Emitter:
    """neg, not, bswap: on the register of the output."""

    def emit(m: Operands, op: Op) -> bytes:
        code, d, a = op
        w, target = int(code & 7 == Type.I64), m.target(d)
        return m.load(w, target, a) + instruction(w, target) + m.finish(code & 7, d, target)

    return emit


def _count(instruction: Encoder) -> Emitter:
    def emit(m: Operands, op: Op) -> bytes:
        code, d, a = op
        w, target = int(code & 7 == Type.I64), m.target(d)
        return instruction(w, target, m.at[a]) + m.finish(code & 7, d, target)

    return emit


def orc_b(m: Operands, op: Op) -> bytes:
    """Bytes equal to zero, found by the SSE compare, and the mask inverted."""
    _, d, a = op
    body = x.movq(0, m.at[a]) + x.pxor(1, 1) + x.pcmpeqb(0, 1) + x.pcmpeqd(1, 1) + x.pxor(0, 1)
    target = m.target(d)
    return body + x.movq_store(target, 0) + m.store(d, target)


def _field(register: int, pos: int, length: int, signed: bool) -> bytes:
    """Extract a bit field within a register."""
    up, down = 64 - pos - length, 64 - length
    head = x.shl(1, register, up) if up else b""
    return head + ((x.sar if signed else x.shr)(1, register, down) if down else b"")


def extract(m: Operands, op: Op) -> bytes:
    _, d, a, pos, length = op
    target, source = m.target(d), m.at[a]
    narrow = {8: x.movzx8, 16: x.movzx16}.get(length)
    if pos == 0 and narrow:
        body = narrow(target, source)
    elif pos == 0 and length == 32:
        body = x.mov(0, target, source)
    elif pos + length > 32 and pos + length < 64 and length < 32:
        body = x.rorx(1, target, source, pos) + x.and_imm(0, target, (1 << length) - 1)
    elif pos + length <= 32 and length < 32:
        shift = x.shr(0, target, pos) if pos else b""
        body = m.load(0, target, a) + shift + x.and_imm(0, target, (1 << length) - 1)
    else:
        body = m.load(1, target, a) + _field(target, pos, length, False)
    return body + m.store(d, target)


def sextract(m: Operands, op: Op) -> bytes:
    _, d, a, pos, length = op
    target, source = m.target(d), m.at[a]
    if pos == 0 and length == 8:
        body = x.movsx8(1, target, source)
    elif pos == 0 and length == 16:
        body = x.movsx16(1, target, source)
    elif pos == 0 and length == 32:
        body = x.movsxd(target, source)
    else:
        body = m.load(1, target, a) + _field(target, pos, length, True)
    return body + m.store(d, target)


def deposit(m: Operands, op: Op) -> bytes:
    _, d, a, b, pos, length = op
    mask = ((1 << length) - 1) << pos
    if mask == MASK64:
        return m.load(1, RAX, b) + m.store(d, RAX)
    body = m.load(1, RDX, b) + x.shl(1, RDX, 64 - length)
    body += x.shr(1, RDX, 64 - length - pos) if pos + length < 64 else b""
    body += m.load(1, RAX, a) + m.apply(1, x.and_, x.and_imm, RAX, CONST, ~mask) + x.or_(1, RAX, RDX)
    return body + m.store(d, RAX)


BITS: dict[str, Emitter] = {
    "neg": _in_place(x.neg),
    "not": _in_place(x.not_),
    "bswap": _in_place(x.bswap),
    "clz": _count(x.lzcnt),
    "ctz": _count(x.tzcnt),
    "ctpop": _count(x.popcnt),
    "orc_b": orc_b,
    "extract": extract,
    "sextract": sextract,
    "deposit": deposit,
}
