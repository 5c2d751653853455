"""Moves, integer arithmetic, bit manipulation, comparisons and host memory."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.operands import Operands, constant, load_memory, store_memory, store_zero
from pytcg.backend.x86_64.encode import R10, R11, RAX, RCX, RDI, RDX, RSI, Encoder, Mem, fits
from pytcg.tcg.ops import Op
from pytcg.tcg.state import CONST
from pytcg.tcg.types import MASK64, Type, sext, signed64

Emitter = Callable[[Operands, Op], bytes]


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


def ret(m: Operands, op: Op) -> bytes:
    return m.load(1, RAX, op[1]) + x.RET


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


def _extremum(condition: int) -> Emitter:
    """Minimum or maximum: b replaces a where `a condition b`."""

    def emit(m: Operands, op: Op) -> bytes:
        code, d, a, b, imm = op
        type = code & 7
        w = int(type == Type.I64)
        body = m.load_b(w, RCX, b, imm) + m.load(w, RAX, a) + x.cmp(w, RAX, RCX) + x.cmov(w, condition, RAX, RCX)
        return body + m.finish(type, d, RAX)

    return emit


def _carryless(high: bool) -> Emitter:
    def emit(m: Operands, op: Op) -> bytes:
        _, d, a, b, imm = op
        body = m.load_b(1, RCX, b, imm) + x.movq(1, RCX) + x.movq(0, m.at[a]) + x.pclmulqdq(0, 1, 0)
        return body + (x.pextrq(RAX, 0, 1) if high else x.movq_store(RAX, 0)) + m.store(d, RAX)

    return emit


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


def _host_address(m: Operands, operand: int, off: int) -> tuple[bytes, Mem]:
    register = m.reg(operand)
    return (m.load(1, RCX, operand), Mem(RCX, off)) if register is None else (b"", Mem(register, off))


def ld(m: Operands, op: Op) -> bytes:
    _, d, a, off, mop = op
    head, memory = _host_address(m, a, off)
    target = m.target(d)
    return head + load_memory(target, memory, mop) + m.store(d, target)


def st(m: Operands, op: Op) -> bytes:
    _, a, b, off, mop = op
    head, memory = _host_address(m, b, off)
    register = m.reg(a)
    if a == 0:
        return head + store_zero(memory, mop)
    if register is None:
        return head + m.load(1, RAX, a) + store_memory(memory, RAX, mop)
    return head + store_memory(memory, register, mop)


def host_cmpxchg(m: Operands, op: Op) -> bytes:
    _, d, a, b, c = op
    body = m.load(1, RDX, a) + m.load(1, RCX, c) + m.load(1, RAX, b) + x.lock_cmpxchg(1, Mem(RDX), RCX)
    return body + m.store(d, RAX)


def clock(m: Operands, op: Op) -> bytes:
    return READ_COUNTER + m.store(op[1], RAX)


def kernel_call(m: Operands, op: Op) -> bytes:
    """Arguments in rdi, rsi, rdx and r10; the kernel destroys rcx and r11 (System V ABI, AMD64 supplement, A.2.1)."""
    _, d, a, b, c, number = op
    kept = (RDI, RSI, R10, R11)
    body = b"".join(x.push(register) for register in kept)
    for operand in (a, b, c):
        body += m.load(1, RAX, operand) + x.push(RAX)
    body += b"".join(x.pop(register) for register in (RDX, RSI, RDI))
    body += x.xor(0, R10, R10) + x.mov_u32(RAX, number) + x.SYSCALL
    return body + b"".join(x.pop(register) for register in reversed(kept)) + m.store(d, RAX)


def mb(m: Operands, op: Op) -> bytes:
    """A locked operation on the stack: a full barrier, and faster than mfence."""
    return x.lock_or_imm(0, Mem(x.RSP), 0)


READ_COUNTER = x.RDTSC + x.shl(1, RDX, 32) + x.or_(1, RAX, RDX)

#: emitters of the ops whose bytes depend on their tuple alone
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
    "mul": mul,
    "mulsh": _multiply_high(x.imul_wide),
    "muluh": _multiply_high(x.mul),
    "mulsuh": mulsuh,
    "div": _divide(True, False),
    "divu": _divide(False, False),
    "rem": _divide(True, True),
    "remu": _divide(False, True),
    "smin": _extremum(x.G),
    "smax": _extremum(x.L),
    "umin": _extremum(x.A),
    "umax": _extremum(x.B),
    "clmul": _carryless(False),
    "clmulh": _carryless(True),
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
    "setcond": setcond,
    "movcond": movcond,
    "ld": ld,
    "st": st,
    "host_cmpxchg": host_cmpxchg,
    "clock": clock,
    "kernel_call": kernel_call,
    "mb": mb,
    "ret": ret,
}
