"""What the pure ops compute, as formulas over bit vectors: the semantics stated a second time, for proofs.

`formula` is to z3's terms what `tcg/eval.py`'s `evaluator` is to ints.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from z3 import (
    UGE,
    UGT,
    ULE,
    ULT,
    BitVecVal,
    Concat,
    Extract,
    If,
    LShR,
    RotateLeft,
    RotateRight,
    SignExt,
    SRem,
    UDiv,
    URem,
    ZeroExt,
)

from pytcg.tcg.ops import definition, type_of
from pytcg.tcg.types import Cond, Type

#: a bit vector or truth value of z3, which has no types to check
Term = Any

CONDITIONS: dict[Cond, Callable[[Term, Term], Term]] = {
    Cond.EQ: lambda a, b: a == b,
    Cond.NE: lambda a, b: a != b,
    Cond.LT: lambda a, b: a < b,
    Cond.GE: lambda a, b: a >= b,
    Cond.LTU: ULT,
    Cond.GEU: UGE,
    Cond.LE: lambda a, b: a <= b,
    Cond.GT: lambda a, b: a > b,
    Cond.LEU: ULE,
    Cond.GTU: UGT,
    Cond.TSTEQ: lambda a, b: a & b == 0,
    Cond.TSTNE: lambda a, b: a & b != 0,
}


def constant(value: int, width: int = 64) -> Term:
    return BitVecVal(value, width)


def bit(a: Term, n: int) -> Term:
    return Extract(n, n, a)


def count(a: Term) -> Term:
    """A count modulo the width, which is a power of two."""
    return a & (a.size() - 1)


def high(extend_a: Callable[..., Term], extend_b: Callable[..., Term]) -> Callable[[Term, Term], Term]:
    """The high half of a product of extended factors."""
    return lambda a, b: Extract(127, 64, extend_a(64, a) * extend_b(64, b))


def carryless(a: Term, b: Term) -> Term:
    """The product over GF(2), of 128 bits: a shifted by each bit of b."""
    rows = (If(bit(b, n) == 1, ZeroExt(64, a) << n, constant(0, 128)) for n in range(64))
    return reduce(lambda x, y: x ^ y, rows)


def first_one(a: Term, positions: range) -> Term:
    """How many positions come before that of the first one; all if there is none."""
    result = constant(len(positions), a.size())
    for before, n in reversed(list(enumerate(positions))):
        result = If(bit(a, n) == 1, constant(before, a.size()), result)
    return result


def ones(a: Term) -> Term:
    return reduce(lambda x, y: x + y, (ZeroExt(a.size() - 1, bit(a, n)) for n in range(a.size())))


def octets(a: Term) -> list[Term]:
    """The bytes, lowest first."""
    return [Extract(n + 7, n, a) for n in range(0, a.size(), 8)]


def extract(a: Term, pos: int, length: int) -> Term:
    return Extract(pos + length - 1, pos, a)


def deposit(a: Term, b: Term, pos: int, length: int) -> Term:
    parts = [Extract(length - 1, 0, b)]
    if pos + length < 64:
        parts.insert(0, Extract(63, pos + length, a))
    if pos:
        parts.append(Extract(pos - 1, 0, a))
    return Concat(*parts) if len(parts) > 1 else parts[0]


#: by row: function of the inputs, of the type's width, and the other fields
FORMULAS: dict[str, Callable[..., Term]] = {
    "mov": lambda a: a,
    "movi": constant,
    "pc_rel": lambda pc, imm: pc + constant(imm),
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "andc": lambda a, b: a & ~b,
    "orc": lambda a, b: a | ~b,
    "eqv": lambda a, b: ~(a ^ b),
    "shl": lambda a, b: a << count(b),
    "shr": lambda a, b: LShR(a, count(b)),
    "sar": lambda a, b: a >> count(b),
    "rotl": RotateLeft,
    "rotr": RotateRight,
    "mul": lambda a, b: a * b,
    "mulsh": high(SignExt, SignExt),
    "muluh": high(ZeroExt, ZeroExt),
    "mulsuh": high(SignExt, ZeroExt),
    "div": lambda a, b: If(b == 0, constant(-1, a.size()), a / b),
    "divu": lambda a, b: If(b == 0, constant(-1, a.size()), UDiv(a, b)),
    "rem": lambda a, b: If(b == 0, a, SRem(a, b)),
    "remu": lambda a, b: If(b == 0, a, URem(a, b)),
    "smin": lambda a, b: If(a < b, a, b),
    "smax": lambda a, b: If(a < b, b, a),
    "umin": lambda a, b: If(ULT(a, b), a, b),
    "umax": lambda a, b: If(ULT(a, b), b, a),
    "clmul": lambda a, b: Extract(63, 0, carryless(a, b)),
    "clmulh": lambda a, b: Extract(127, 64, carryless(a, b)),
    "neg": lambda a: -a,
    "not": lambda a: ~a,
    "clz": lambda a: first_one(a, range(a.size() - 1, -1, -1)),
    "ctz": lambda a: first_one(a, range(a.size())),
    "ctpop": ones,
    "bswap": lambda a: Concat(*octets(a)),
    "orc_b": lambda a: Concat(*(If(byte == 0, constant(0, 8), constant(255, 8)) for byte in reversed(octets(a)))),
    "extract": lambda a, pos, length: ZeroExt(64 - length, extract(a, pos, length)),
    "sextract": lambda a, pos, length: SignExt(64 - length, extract(a, pos, length)),
    "deposit": deposit,
    "setcond": lambda a, b, cond: If(CONDITIONS[cond](a, b), constant(1, a.size()), constant(0, a.size())),
}


def narrow(type: Type, a: Term) -> Term:
    """What an op of a type sees of a home."""
    return a if type == Type.I64 else Extract(31, 0, a)


def widen(type: Type, result: Term) -> Term:
    """A result brought home."""
    if type == Type.I64:
        return result
    return SignExt(32, result) if type == Type.I32 else ZeroExt(32, result)


def compare(op_code: int, a: Term, b: Term, cond: int) -> Term:
    """The truth of a comparison of two homes in an op of this type."""
    type = type_of(op_code)
    return CONDITIONS[Cond(cond)](narrow(type, a), narrow(type, b))


def formula(op_code: int, *arguments: Term) -> Term:
    """The home of the output, of homes of the inputs and the other fields, in the order of `evaluator`."""
    name, type = definition(op_code).name, type_of(op_code)
    if name == "movcond":
        a, b, c, e, cond = arguments
        return If(compare(op_code, a, b, cond), c, e)
    return widen(type, FORMULAS[name](*(a if isinstance(a, int) else narrow(type, a) for a in arguments)))
