"""Floating point: the host's SSE2 and FMA3 where result and flags are those of RISC-V, else a helper.

Operands are in the CPU state or in integer registers; xmm0-xmm2 are scratch. Exceptions accrue in MXCSR. What the host
does otherwise goes to `Helper.FP`, which computes the op anew: NaN results (the canonical NaN is wanted), binary32
operands that are not NaN-boxed, conversions out of range, and the rounding mode RMM. On these paths MXCSR has no flag
that the op does not raise, so operands are tested before the host's instruction where that would raise more.

x86 detects tininess after rounding (SDM volume 1, section 4.9.1.5), as RISC-V does.
"""

from __future__ import annotations

from collections.abc import Callable

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.control import Thunk
from pytcg.backend.x86_64.emit.memory import Guarded, guarded
from pytcg.backend.x86_64.emit.operands import Operands, constant
from pytcg.backend.x86_64.encode import RAX, RCX, RDX, Encoder, Mem, Operand
from pytcg.tcg.helpers import Helper
from pytcg.tcg.ops import Op, definition
from pytcg.tcg.types import Cond, Rm, Type

BOX = -1 << 32
SCRATCH = 8
ROUNDING_CONTROL = 0x6000
#: MXCSR.RC of a rounding mode
_RC = {Rm.RNE: 0, Rm.RDN: 0x2000, Rm.RUP: 0x4000, Rm.RTZ: 0x6000}
I32, U32, I64, U64 = range(4)
#: bits of the largest value, by type of the operand, that the host converts to an unsigned integer without a flag
#: too many
_LIMITS = {
    (Type.F32, U32): 0x4F7FFFFF,
    (Type.F64, U32): 0x41EFFFFFFFE00000,
    (Type.F32, U64): 0x5EFFFFFF,
    (Type.F64, U64): 0x43DFFFFFFFFFFFFF,
}


class FloatContext:
    """What emitters of this group need beside the operands: whether the host has FMA3."""

    def __init__(self, m: Operands, fma: bool) -> None:
        self.m = m
        self.fma = fma


class Sequence:
    """The code of one op in the making: segments between which it branches to the helper."""

    def __init__(self, context: FloatContext, op: Op) -> None:
        self.m = context.m
        self.op = op
        self.double = op[0] & 7 == Type.F64
        self.segments = [b""]

    def __call__(self, *instructions: bytes) -> None:
        self.segments[-1] += b"".join(instructions)

    def unless(self, condition: int) -> None:
        """Go to the helper if the condition holds."""
        self(x.jcc32(condition))
        self.segments.append(b"")

    def pick(self, single: Encoder, double: Encoder) -> Encoder:
        """The instruction for the op's type."""
        return double if self.double else single

    def boxed(self, *operands: int) -> None:
        """binary32 operands that are not NaN-boxed go to the helper."""
        for operand in dict.fromkeys(operands):
            at = self.m.at[operand]
            if isinstance(at, Mem):
                self(x.cmp_imm(0, at._replace(disp=at.disp + 4), -1))
            else:
                self(x.mov(1, RAX, at), x.shr(1, RAX, 32), x.cmp_imm(0, RAX, -1))
            self.unless(x.NE)

    def inputs(self, *operands: int) -> None:
        """Check operands of the op's own type."""
        if not self.double:
            self.boxed(*operands)

    def load(self, xmm: int, operand: int, double: bool) -> None:
        """Bring an operand into an SSE register."""
        at = self.m.at[operand]
        if isinstance(at, Mem):
            self((x.movsd if double else x.movss)(xmm, at))
        else:
            self((x.movq if double else x.movd)(xmm, at))

    def source(self, xmm: int, operand: int) -> Operand:
        """An operand as an SSE instruction takes it: in memory, or in the SSE register given."""
        at = self.m.at[operand]
        if isinstance(at, Mem):
            return at
        self.load(xmm, operand, self.double)
        return xmm

    def rounded(self, rm: int, *instructions: bytes) -> None:
        """Instructions under a rounding mode; eax and ecx do not survive one that the op names."""
        if rm == Rm.DYN:
            self(*instructions)
            return
        old, new = self.m.field("scratch", SCRATCH), self.m.field("scratch", SCRATCH + 1)
        self(x.stmxcsr(old), x.mov(0, RAX, old), x.and_imm(0, RAX, ~ROUNDING_CONTROL))
        self(x.or_imm(0, RAX, _RC[Rm(rm)]), x.mov_store(0, new, RAX), x.ldmxcsr(new))
        self(*instructions)
        self(x.stmxcsr(new), x.mov(0, RAX, new), x.and_imm(0, RAX, ~ROUNDING_CONTROL), x.mov(0, RCX, old))
        self(x.and_imm(0, RCX, ROUNDING_CONTROL), x.or_(0, RAX, RCX), x.mov_store(0, new, RAX), x.ldmxcsr(new))

    def store(self, d: int) -> None:
        """The number in xmm0 to its home."""
        at = self.m.at[d]
        if self.double:
            self(x.movsd_store(at, 0) if isinstance(at, Mem) else x.movq_store(at, 0))
        elif isinstance(at, Mem):
            self(x.movss_store(at, 0), x.mov_imm(0, at._replace(disp=at.disp + 4), -1))
        else:
            self(x.movd_store(RAX, 0))
            self.store_bits(d)

    def store_bits(self, d: int) -> None:
        """The bits in rax (binary32: in eax, the rest zero) to their home."""
        if not self.double:
            self(constant(RCX, BOX), x.or_(1, RAX, RCX))
        self(self.m.store(d, RAX))

    def result(self, d: int) -> None:
        """The number in xmm0 to its home, unless it is a NaN."""
        self(self.pick(x.ucomiss, x.ucomisd)(0, 0))
        self.unless(x.P)
        self.store(d)

    def finish(self) -> Guarded:
        """All pieces, with the stub that calls the helper."""
        m, op = self.m, self.op
        row = definition(op[0])
        head = b""
        for index, position in enumerate(row.inputs):
            head += m.load(1, RAX, op[position]) + x.mov_store(1, m.field("arg", index), RAX)
        packed = op[0]
        for index, extra in enumerate(op[2 + len(row.inputs) :]):
            packed |= extra << 16 + 4 * index
        head += x.mov_imm(1, m.field("arg", 3), packed) + constant(RCX, Helper.FP)
        tail = x.mov(1, RAX, m.field("ret")) + m.store(op[1], RAX)
        resume = sum(map(len, self.segments)) + 4 * (len(self.segments) - 1)
        return guarded(m, tuple(self.segments), resume, 0, head, Thunk.HELPER, tail)


Body = Callable[[Sequence, Op], None]
Emitter = Callable[[FloatContext, Op], Guarded]


def _emitter(body: Body, rounds: bool = False, fma: bool = False) -> Emitter:
    """An emitter of a body; `rounds`: the op's last field is a rounding mode that counts."""

    def emit(context: FloatContext, op: Op) -> Guarded:
        sequence = Sequence(context, op)
        if (rounds and op[-1] == Rm.RMM) or (fma and not context.fma):
            by_helper(sequence, op)
        else:
            body(sequence, op)
        return sequence.finish()

    return emit


def by_helper(s: Sequence, op: Op) -> None:
    """The whole op in software."""
    s(x.JMP32)
    s.segments.append(b"")


def _binary(single: Encoder, double: Encoder) -> Emitter:
    def body(s: Sequence, op: Op) -> None:
        _, d, a, b, rm = op
        s.inputs(a, b)
        s.load(0, a, s.double)
        right = s.source(1, b)
        s.rounded(rm, s.pick(single, double)(0, right))
        s.result(d)

    return _emitter(body, rounds=True)


def fsqrt(s: Sequence, op: Op) -> None:
    _, d, a, rm = op
    s.inputs(a)
    s.load(0, a, s.double)
    s.rounded(rm, s.pick(x.sqrtss, x.sqrtsd)(0, 0))
    s.result(d)


#: by `neg` of fma
_FMA = (
    (x.vfmadd231ss, x.vfmadd231sd),
    (x.vfnmadd231ss, x.vfnmadd231sd),
    (x.vfmsub231ss, x.vfmsub231sd),
    (x.vfnmsub231ss, x.vfnmsub231sd),
)


def fma(s: Sequence, op: Op) -> None:
    _, d, a, b, c, neg, rm = op
    s.inputs(a, b, c)
    s.load(0, c, s.double)
    s.load(1, a, s.double)
    right = s.source(2, b)
    s.rounded(rm, s.pick(*_FMA[neg])(0, 1, right))
    s.result(d)


def _extremum(single: Encoder, double: Encoder, combine: Encoder) -> Emitter:
    """The host's minimum of equal numbers is its second operand: taken both ways and combined, -0 < +0."""

    def body(s: Sequence, op: Op) -> None:
        _, d, a, b = op
        s.inputs(a, b)
        s.load(0, a, s.double)
        s.load(1, b, s.double)
        s(s.pick(x.ucomiss, x.ucomisd)(0, 1))
        s.unless(x.P)
        extremum = s.pick(single, double)
        s(x.movaps(2, 0), extremum(0, 1), extremum(1, 2), combine(0, 1))
        s.store(d)

    return _emitter(body)


def fcmp(s: Sequence, op: Op) -> None:
    """Comparisons by comis with the operands swapped, so that an unordered result reads as false."""
    _, d, a, b, cond = op
    s.inputs(a, b)
    if cond == Cond.EQ:
        s.load(0, a, s.double)
        s(s.pick(x.ucomiss, x.ucomisd)(0, s.source(1, b)))
        s(x.setcc(x.NP, RAX), x.setcc(x.E, RCX), x.and_(0, RAX, RCX))
    else:
        s.load(0, b, s.double)
        s(s.pick(x.comiss, x.comisd)(0, s.source(1, a)), x.setcc({Cond.LT: x.A, Cond.LE: x.AE}[Cond(cond)], RAX))
    s(x.movzx8(RAX, RAX), s.m.store(d, RAX))


def fsgnj(s: Sequence, op: Op) -> None:
    _, d, a, b, mode = op
    s.inputs(a, b)
    w, sign = (1, 63) if s.double else (0, 31)
    s(s.m.load(w, RAX, a))
    if a == b:
        s((b"", x.btc(w, RAX, sign), x.btr(w, RAX, sign))[mode])
    elif mode == 2:
        s(s.m.load(w, RCX, b), x.shr(w, RCX, sign), x.shl(w, RCX, sign), x.xor(w, RAX, RCX))
    else:  # the sign goes by the carry
        s(s.m.load(w, RCX, b), x.not_(w, RCX) if mode else b"")
        s(x.add(w, RAX, RAX), x.add(w, RCX, RCX), x.rcr1(w, RAX))
    s.store_bits(d)


def fcvt_f(s: Sequence, op: Op) -> None:
    _, d, a, rm = op
    if not s.double:
        s.load(0, a, True)
        s.rounded(rm, x.cvtsd2ss(0, 0))
    else:
        s.boxed(a)
        s.load(0, a, False)
        s(x.cvtss2sd(0, 0))
    s.result(d)


def fcvt_to_int(s: Sequence, op: Op) -> None:
    """The host gives INT_MIN, and NV, for what is out of range; unsigned ranges are tested on the bits beforehand."""
    _, d, a, itype, rm = op
    s.inputs(a)
    if itype in (U32, U64):
        limit = _LIMITS[Type(op[0] & 7), itype]
        s(s.m.load(int(s.double), RAX, a))
        s(constant(RCX, limit) + x.cmp(1, RAX, RCX) if s.double else x.cmp_imm(0, RAX, limit))
        s.unless(x.A)
    w = int(itype != I32)
    source = s.source(0, a)
    if rm == Rm.RTZ:
        s(s.pick(x.cvttss2si, x.cvttsd2si)(w, RDX, source))
    else:
        s.rounded(rm, s.pick(x.cvtss2si, x.cvtsd2si)(w, RDX, source))
    if itype in (I32, I64):
        s(x.cmp_imm(w, RDX, 1))
        s.unless(x.OV)
    s(x.movsxd(RDX, RDX) if itype in (I32, U32) else b"", s.m.store(d, RDX))


def fcvt_from_int(s: Sequence, op: Op) -> None:
    _, d, a, itype, rm = op
    m, convert = s.m, s.pick(x.cvtsi2ss, x.cvtsi2sd)
    source = m.at[a]
    if itype in (U32, U64):
        s(m.load(int(itype == U64), RDX, a))
        source = RDX
    if itype == U64:
        s(x.test(1, RDX, RDX))
        s.unless(x.S)
    s(x.xorps(0, 0))  # the conversion would wait for the register's last value
    instruction = convert(int(itype != I32), 0, source)
    if s.double and itype in (I32, U32):
        s(instruction)
    else:
        s.rounded(rm, instruction)
    s.store(d)


def fmv_to_int(s: Sequence, op: Op) -> None:
    _, d, a = op
    target = s.m.target(d)
    s(s.m.load(1, target, a) if s.double else x.movsxd(target, s.m.at[a]), s.m.store(d, target))


def fmv_from_int(s: Sequence, op: Op) -> None:
    _, d, a = op
    s(s.m.load(int(s.double), RAX, a))
    s.store_bits(d)


#: emitters of the floating-point ops; those without a branch to the helper have one segment
FLOATS: dict[str, Emitter] = {
    "fadd": _binary(x.addss, x.addsd),
    "fsub": _binary(x.subss, x.subsd),
    "fmul": _binary(x.mulss, x.mulsd),
    "fdiv": _binary(x.divss, x.divsd),
    "fsqrt": _emitter(fsqrt, rounds=True),
    "fma": _emitter(fma, rounds=True, fma=True),
    "fmin": _extremum(x.minss, x.minsd, x.orps),
    "fmax": _extremum(x.maxss, x.maxsd, x.andps),
    "fcmp": _emitter(fcmp),
    "fclass": _emitter(by_helper),
    "fsgnj": _emitter(fsgnj),
    "fcvt_f": _emitter(fcvt_f, rounds=True),
    "fcvt_to_int": _emitter(fcvt_to_int, rounds=True),
    "fcvt_from_int": _emitter(fcvt_from_int, rounds=True),
    "fmv_to_int": _emitter(fmv_to_int),
    "fmv_from_int": _emitter(fmv_from_int),
}
