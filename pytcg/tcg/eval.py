"""What the pure ops compute, as Python functions on unsigned 64-bit ints: the semantics, written once.

Constant folding, the interpreter and the tests of machine code evaluate ops through `evaluator`. Floating-point ops are
evaluated by `tcg/soft.py`.

A row's function takes the width of the type (32 or 64), the inputs in the order of the row, zero-extended to that
width, and the row's remaining fields; it may return any Python int. `evaluator` narrows the inputs before and brings
the result home after.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pytcg.tcg.ops import definition, type_of
from pytcg.tcg.types import MASK32, MASK64, Cond, Type, sext

Evaluator = Callable[..., int]

SIGN32 = 1 << 31


def div(w: int, a: int, b: int) -> int:
    """Signed quotient towards zero; by zero -1. The overflow -2**(w-1) / -1 wraps to a."""
    a, b = sext(a, w), sext(b, w)
    if b == 0:
        return -1
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def rem(w: int, a: int, b: int) -> int:
    """Signed remainder with the sign of a; by zero a."""
    a, b = sext(a, w), sext(b, w)
    if b == 0:
        return a
    remainder = abs(a) % abs(b)
    return -remainder if a < 0 else remainder


def rotl(w: int, a: int, b: int) -> int:
    """Rotate left by b modulo the width."""
    count = b & (w - 1)
    return a << count | a >> (w - count)


def carryless_product(a: int, b: int) -> int:
    """The 127-bit product of two polynomials over GF(2)."""
    product = 0
    while b:
        lowest = b & -b
        product ^= a * lowest
        b ^= lowest
    return product


def orc_b(w: int, a: int) -> int:
    """Each non-zero byte becomes 0xff."""
    return int.from_bytes(bytes(255 if byte else 0 for byte in a.to_bytes(8, "little")), "little")


def deposit(w: int, a: int, b: int, pos: int, length: int) -> int:
    """a with `length` bits from `pos` replaced by the low bits of b."""
    mask = ((1 << length) - 1) << pos
    return (a & ~mask) | (b << pos & mask)


#: comparison of two inputs, by condition
CONDITIONS: dict[Cond, Callable[[int, int, int], bool]] = {
    Cond.EQ: lambda w, a, b: a == b,
    Cond.NE: lambda w, a, b: a != b,
    Cond.LT: lambda w, a, b: sext(a, w) < sext(b, w),
    Cond.GE: lambda w, a, b: sext(a, w) >= sext(b, w),
    Cond.LTU: lambda w, a, b: a < b,
    Cond.GEU: lambda w, a, b: a >= b,
    Cond.LE: lambda w, a, b: sext(a, w) <= sext(b, w),
    Cond.GT: lambda w, a, b: sext(a, w) > sext(b, w),
    Cond.LEU: lambda w, a, b: a <= b,
    Cond.GTU: lambda w, a, b: a > b,
    Cond.TSTEQ: lambda w, a, b: a & b == 0,
    Cond.TSTNE: lambda w, a, b: a & b != 0,
}

#: the meaning of every pure row
FUNCTIONS: dict[str, Evaluator] = {
    "mov": lambda w, a: a,
    "movi": lambda w, imm: imm,
    "pc_rel": lambda w, pc, imm: pc + imm,
    "add": lambda w, a, b: a + b,
    "sub": lambda w, a, b: a - b,
    "and": lambda w, a, b: a & b,
    "or": lambda w, a, b: a | b,
    "xor": lambda w, a, b: a ^ b,
    "andc": lambda w, a, b: a & ~b,
    "orc": lambda w, a, b: a | ~b,
    "eqv": lambda w, a, b: ~(a ^ b),
    "shl": lambda w, a, b: a << (b & (w - 1)),
    "shr": lambda w, a, b: a >> (b & (w - 1)),
    "sar": lambda w, a, b: sext(a, w) >> (b & (w - 1)),
    "rotl": rotl,
    "rotr": lambda w, a, b: rotl(w, a, -b),
    "mul": lambda w, a, b: a * b,
    "mulsh": lambda w, a, b: sext(a, w) * sext(b, w) >> w,
    "muluh": lambda w, a, b: a * b >> w,
    "mulsuh": lambda w, a, b: sext(a, w) * b >> w,
    "div": div,
    "divu": lambda w, a, b: a // b if b else -1,
    "rem": rem,
    "remu": lambda w, a, b: a % b if b else a,
    "smin": lambda w, a, b: min(sext(a, w), sext(b, w)),
    "smax": lambda w, a, b: max(sext(a, w), sext(b, w)),
    "umin": lambda w, a, b: min(a, b),
    "umax": lambda w, a, b: max(a, b),
    "clmul": lambda w, a, b: carryless_product(a, b),
    "clmulh": lambda w, a, b: carryless_product(a, b) >> w,
    "neg": lambda w, a: -a,
    "not": lambda w, a: ~a,
    "clz": lambda w, a: w - a.bit_length(),
    "ctz": lambda w, a: (a & -a).bit_length() - 1 if a else w,
    "ctpop": lambda w, a: a.bit_count(),
    "bswap": lambda w, a: int.from_bytes(a.to_bytes(w // 8, "little"), "big"),
    "orc_b": orc_b,
    "extract": lambda w, a, pos, length: a >> pos & ((1 << length) - 1),
    "sextract": lambda w, a, pos, length: sext(a >> pos, length),
    "deposit": deposit,
    "setcond": lambda w, a, b, cond: int(CONDITIONS[cond](w, a, b)),
    "movcond": lambda w, a, b, c, e, cond: c if CONDITIONS[cond](w, a, b) else e,
}


@cache
def evaluator(op_code: int) -> Evaluator:
    """The function of a pure integer op: (inputs in order, other fields in order) -> the output's home, unsigned.

    Inputs are unsigned 64-bit ints, `b` already replaced by `imm` where it is CONST; `movi` and `pc_rel` take their
    `imm` (any int), `pc_rel` the pc of the block before it. Raises KeyError for an op that is not a pure integer op.
    """
    row = definition(op_code)
    function = FUNCTIONS[row.name]
    type = type_of(op_code)
    binary = row.fields == ("d", "a", "b", "imm")
    if type == Type.I64:
        if binary:  # no *inputs where the interpreter spends most of its time
            return lambda a, b: function(64, a, b) & MASK64
        return lambda *inputs: function(64, *inputs) & MASK64
    if row.name == "movcond":
        return lambda a, b, *rest: function(32, a & MASK32, b & MASK32, *rest)
    finish = _sign_extend32 if type == Type.I32 else _zero_extend32
    if binary:
        return lambda a, b: finish(function(32, a & MASK32, b & MASK32))
    narrowed = 2 if "b" in row.fields else 1

    def narrow(*inputs: int) -> int:
        return finish(function(32, *(value & MASK32 for value in inputs[:narrowed]), *inputs[narrowed:]))

    return narrow


def _sign_extend32(value: int) -> int:
    return ((value & MASK32 ^ SIGN32) - SIGN32) & MASK64


def _zero_extend32(value: int) -> int:
    return value & MASK32


@cache
def condition(op_code: int, cond: int) -> Callable[[int, int], bool]:
    """The comparison that a condition stands for in an op of this type, on unsigned 64-bit ints."""
    compare = CONDITIONS[Cond(cond)]
    if type_of(op_code) == Type.I64:
        return lambda a, b: compare(64, a, b)
    return lambda a, b: compare(32, a & MASK32, b & MASK32)


def extend(value: int, mop: int) -> int:
    """The low bytes of `value`, extended to 64 bits as a memory operation's bits say, unsigned."""
    bits = 8 << (mop & 3)
    return sext(value, bits) & MASK64 if mop & 4 else value & ((1 << bits) - 1)


def atomic_update(name: str, mop: int) -> Callable[..., int]:
    """What an atomic op stores, from the old value and its `b` (and `c`): (d sign-extended, b[, c]) -> new value.

    `name` is the row's. Only the low bytes of the result count.
    """
    operation = name.removeprefix("atomic_")
    if operation == "xchg":
        return lambda old, b: b
    if operation == "cmpxchg":
        return lambda old, b, c: c if extend(b, mop | 4) == old else old
    function = FUNCTIONS[operation]
    # Sign extension keeps both the signed and the unsigned order, so 64 bits serve every size.
    return lambda old, b: function(64, old, extend(b, mop | 4))
