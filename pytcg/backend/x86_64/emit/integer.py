"""Moves, addition, logic, shifts and comparisons."""

from __future__ import annotations

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.operands import Emitter, Operands, constant
from pytcg.backend.x86_64.encode import RAX, RCX, Encoder, Mem, fits
from pytcg.tcg.ops import Op
from pytcg.tcg.state import CONST
from pytcg.tcg.types import Type, sext, signed64


def mov(m: Operands, op: Op) -> bytes:
    _, d, a = op
    target = m.target(d)
    return m.load(1, target, a) + m.store(d, target)


def movi(m: Operands, op: Op) -> bytes:
    _, d, imm = op
    at, imm = m.at[d], signed64(imm)
    if isinstance(at, Mem) and fits(imm, 32):
        return x.mov_imm(1, at, imm)
    target = m.target(d)
    return constant(target, imm) + m.store(d, target)


def _arithmetic(op: Encoder, op_store: Encoder, op_imm: Encoder, commutative: bool, invert: bool = False) -> Emitter:
    """add, sub, and, or, xor; `invert` complements the result of a constant operand or of the op (eqv)."""

    def emit(m: Operands, tcg: Op) -> bytes:
        code, d, a, b, imm = tcg
        type = code & 7
        w = int(type == Type.I64)
        if commutative and b != CONST and m.at[d] == m.at[b]:
            a, b = b, a
        if type == Type.I32 and b == CONST and sext(imm, 32) == 0 and op is not x.and_ and not invert:
            target = m.target(d)
            return x.movsxd(target, m.at[a]) + m.store(d, target)  # sign extension of a word
        if not invert and (short := _add_by_lea(m, op, tcg) or _in_memory(m, op_store, op_imm, w, d, a, b, imm)):
            return short
        target = m.target(d) if d == a or b == CONST else m.target(d, b)
        body = m.load(w, target, a) + m.apply(w, op, op_imm, target, b, imm)
        return body + (x.not_(w, target) if invert else b"") + m.finish(type, d, target)

    return emit


def _add_by_lea(m: Operands, op: Encoder, tcg: Op) -> bytes:
    """A three-operand addition between registers, or nothing if the op is something else."""
    code, d, a, b, imm = tcg
    base, own, type = m.reg(a), m.reg(d), code & 7
    if base is None or own is None or op not in (x.add, x.sub):
        return b""
    w = int(type == Type.I64)
    if b == CONST:
        disp = imm if op is x.add else -imm
        disp = signed64(disp) if w else sext(disp, 32)
        if own == base or not fits(disp, 32):
            return b""
        return x.lea(w, own, Mem(base, disp)) + m.finish(type, d, own)
    index = m.reg(b)
    if index is None or own in (base, index) or op is x.sub:
        return b""
    return x.lea(w, own, Mem(base, 0, index)) + m.finish(type, d, own)


def _in_memory(m: Operands, op: Encoder, op_imm: Encoder, w: int, d: int, a: int, b: int, imm: int) -> bytes:
    """`d op= b` on an operand that lives in memory, or nothing if that cannot be done in one instruction."""
    at = m.at[d]
    if not w or d != a or isinstance(at, int):
        return b""
    if b == CONST:
        imm = signed64(imm)
        return op_imm(w, at, imm) if fits(imm, 32) else b""
    register = m.reg(b)
    return b"" if register is None else op(w, at, register)


_and = _arithmetic(x.and_, x.and_store, x.and_imm, True)
_or = _arithmetic(x.or_, x.or_store, x.or_imm, True)
_xor = _arithmetic(x.xor, x.xor_store, x.xor_imm, True)
_xor_not = _arithmetic(x.xor, x.xor_store, x.xor_imm, True, invert=True)


def _inverted(op: Op) -> Op:
    code, d, a, b, imm = op
    return code, d, a, b, ~imm


def andc(m: Operands, op: Op) -> bytes:
    code, d, a, b, _ = op
    if b == CONST:
        return _and(m, _inverted(op))
    w, register, target = int(code & 7 == Type.I64), m.reg(b), m.target(d)
    head = b"" if register is not None else m.load(w, RCX, b)
    return head + x.andn(w, target, RCX if register is None else register, m.at[a]) + m.finish(code & 7, d, target)


def orc(m: Operands, op: Op) -> bytes:
    code, d, a, b, _ = op
    if b == CONST:
        return _or(m, _inverted(op))
    w = int(code & 7 == Type.I64)
    body = m.load(w, RCX, b) + x.not_(w, RCX) + x.or_(w, RCX, m.at[a])
    return body + m.finish(code & 7, d, RCX)


def eqv(m: Operands, op: Op) -> bytes:
    return _xor(m, _inverted(op)) if op[3] == CONST else _xor_not(m, op)


def _shift(by_imm: Encoder, by_register: Encoder) -> Emitter:
    """shl, shr, sar: BMI2 forms for a variable count, which the host takes modulo the width too."""

    def emit(m: Operands, op: Op) -> bytes:
        code, d, a, b, imm = op
        type = code & 7
        w, target = int(type == Type.I64), m.target(d)
        if b == CONST:
            count = imm & (63 if w else 31)
            shifted = m.load(w, target, a) + by_imm(w, target, count) if count else x.mov(w, target, m.at[a])
            return shifted + m.finish(type, d, target)
        register = m.reg(b)
        head = b"" if register is not None else m.load(w, RCX, b)
        return head + by_register(w, target, m.at[a], RCX if register is None else register) + m.finish(type, d, target)

    return emit


def _rotate(by_cl: Encoder, sign: int) -> Emitter:
    def emit(m: Operands, op: Op) -> bytes:
        code, d, a, b, imm = op
        type = code & 7
        w = int(type == Type.I64)
        if b == CONST:
            target = m.target(d)
            return x.rorx(w, target, m.at[a], sign * imm & (63 if w else 31)) + m.finish(type, d, target)
        return m.load(w, RCX, b) + m.load(w, RAX, a) + by_cl(w, RAX, RCX) + m.finish(type, d, RAX)

    return emit


def _extremum(condition: int) -> Emitter:
    """Minimum or maximum: b replaces a where `a condition b`."""

    def emit(m: Operands, op: Op) -> bytes:
        code, d, a, b, imm = op
        type = code & 7
        w = int(type == Type.I64)
        body = m.load_b(w, RCX, b, imm) + m.load(w, RAX, a) + x.cmp(w, RAX, RCX) + x.cmov(w, condition, RAX, RCX)
        return body + m.finish(type, d, RAX)

    return emit


def setcond(m: Operands, op: Op) -> bytes:
    code, d, a, b, imm, cond = op
    compare, condition = m.compare(code & 7, a, b, imm, cond)
    target = m.target(d)
    return compare + x.setcc(condition, RAX) + x.movzx8(target, RAX) + m.store(d, target)


def movcond(m: Operands, op: Op) -> bytes:
    code, d, a, b, imm, cond, c, e = op
    compare, condition = m.compare(code & 7, a, b, imm, cond)
    target = m.target(d) if d == e else m.target(d, c)
    at = m.at[e]
    # mov, not `load`: the flags must live, and the home of the zero register holds zero
    move = b"" if at == target else x.mov(1, target, at)
    return compare + move + x.cmov(1, condition, target, m.at[c]) + m.store(d, target)


INTEGER: dict[str, Emitter] = {
    "mov": mov,
    "movi": movi,
    "add": _arithmetic(x.add, x.add_store, x.add_imm, True),
    "sub": _arithmetic(x.sub, x.sub_store, x.sub_imm, False),
    "and": _and,
    "or": _or,
    "xor": _xor,
    "andc": andc,
    "orc": orc,
    "eqv": eqv,
    "shl": _shift(x.shl, x.shlx),
    "shr": _shift(x.shr, x.shrx),
    "sar": _shift(x.sar, x.sarx),
    "rotl": _rotate(x.rol_cl, -1),
    "rotr": _rotate(x.ror_cl, 1),
    "smin": _extremum(x.G),
    "smax": _extremum(x.L),
    "umin": _extremum(x.A),
    "umax": _extremum(x.B),
    "setcond": setcond,
    "movcond": movcond,
}
