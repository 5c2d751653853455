"""Software floating point against exact rational arithmetic, in all rounding modes."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from random import Random

import pytest

from pytcg.tcg.ops import code
from pytcg.tcg.soft import evaluate
from pytcg.tcg.types import Rm, Type, sext
from tests.tcg.floats import WIDTHS, home, interesting

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
#: (width of the fraction, exponent of the last place of subnormals, bits of infinity)
SHAPES = {Type.F32: (23, -149, 0x7F800000), Type.F64: (52, -1074, 0x7FF << 52)}


def exact(kind: Type, bits: int) -> Fraction:
    """The value of a finite bit pattern."""
    fraction, quantum, infinity = SHAPES[kind]
    magnitude = bits & (infinity | (1 << fraction) - 1)
    biased = magnitude >> fraction
    significand = magnitude % (1 << fraction) + (bool(biased) << fraction)
    value = Fraction(significand) * Fraction(2) ** (quantum + max(biased - 1, 0))
    return value if magnitude == bits else -value


def finite(kind: Type, bits: int) -> bool:
    return bits & SHAPES[kind][2] != SHAPES[kind][2]


def pick(value: Fraction, low: Fraction, high: Fraction, even_low: bool, rm: Rm) -> bool:
    """Whether a positive value between two neighbours goes to the higher one; RDN is towards 0 here, RUP away."""
    middle = (low + high) / 2
    return {
        Rm.RNE: value > middle or (value == middle and not even_low),
        Rm.RMM: value >= middle,
        Rm.RTZ: False,
        Rm.RDN: False,
        Rm.RUP: True,
    }[rm]


def reference(kind: Type, value: Fraction, rm: Rm) -> tuple[int, int]:
    """Bits and flags of a rational number other than 0, found by bisection in the ordered bit patterns."""
    fraction, quantum, infinity = SHAPES[kind]
    sign = (infinity + (1 << fraction)) if value < 0 else 0
    if sign and rm in (Rm.RDN, Rm.RUP):
        rm = Rm.RDN if rm == Rm.RUP else Rm.RUP
    value = abs(value)

    def magnitude(bits: int) -> Fraction:
        """What a pattern stands for, were there no end of the exponents (infinity: the next power of two)."""
        return (
            exact(kind, bits) if bits < infinity else Fraction(2) ** (quantum + (infinity >> fraction) - 1 + fraction)
        )

    low, high = 0, infinity
    if value >= magnitude(infinity):
        to_infinity = rm in (Rm.RNE, Rm.RMM, Rm.RUP)
        return sign | (infinity if to_infinity else infinity - 1), OF | NX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if magnitude(middle) <= value else (low, middle)
    if magnitude(low) == value:
        return sign | low, 0
    up = pick(value, magnitude(low), magnitude(high), low % 2 == 0, rm)
    if low + up == infinity:
        return sign | infinity, OF | NX
    # Tiny: below the smallest normal number even if the exponent could be smaller by one.
    smallest = magnitude(1 << fraction)
    half_place = Fraction(2) ** (quantum - 1)
    tiny = value < smallest and not (
        value > smallest - half_place and pick(value, smallest - half_place, smallest, False, rm)
    )
    return sign | (low + up), NX | (UF if tiny else 0)


def operands(kind: Type, random: Random, count: int) -> list[int]:
    return [next(b for b in iter(lambda: interesting(kind, random), None) if finite(kind, b)) for _ in range(count)]


@pytest.mark.parametrize("rm", [Rm.RNE, Rm.RTZ, Rm.RDN, Rm.RUP, Rm.RMM])
@pytest.mark.parametrize("kind", [Type.F32, Type.F64])
def test_arithmetic(kind: Type, rm: Rm) -> None:
    random = Random(rm)
    for _ in range(60):
        a, b, c = operands(kind, random, 3)
        x, y, z = (exact(kind, bits) for bits in (a, b, c))
        cases = {
            "fadd": (x + y, (a, b), ()),
            "fsub": (x - y, (a, b), ()),
            "fmul": (x * y, (a, b), ()),
            "fma": (z - x * y, (a, b, c), (1,)),
        }
        if y:
            cases["fdiv"] = (x / y, (a, b), ())
        for name, (value, inputs, extra) in cases.items():
            if value:
                bits, flags = reference(kind, value, rm)
                found = evaluate(code(name, kind), tuple(home(kind, i) for i in inputs), (*extra, rm))
                assert found == (home(kind, bits), flags), (name, list(map(hex, inputs)))


@pytest.mark.parametrize("rm", [Rm.RNE, Rm.RTZ, Rm.RDN, Rm.RUP, Rm.RMM])
@pytest.mark.parametrize("kind", [Type.F32, Type.F64])
def test_square_root(kind: Type, rm: Rm) -> None:
    random = Random(rm)
    for _ in range(40):
        (a,) = operands(kind, random, 1)
        a &= ~(1 << (WIDTHS[kind] - 1))
        if not a:
            continue
        x = exact(kind, a)
        # A rational number so near below the root that it rounds alike, unless the root is exact.
        scale = 1 << 1400
        root = Fraction(isqrt(x.numerator * scale**2 // x.denominator), scale)
        if root * root != x:
            root += Fraction(1, 2 * scale)
        bits, flags = reference(kind, root, rm)
        assert evaluate(code("fsqrt", kind), (home(kind, a),), (rm,)) == (home(kind, bits), flags), hex(a)


@pytest.mark.parametrize("rm", [Rm.RNE, Rm.RTZ, Rm.RDN, Rm.RUP, Rm.RMM])
def test_conversions(rm: Rm) -> None:
    random = Random(rm)
    for _ in range(60):
        (a,) = operands(Type.F64, random, 1)
        value = exact(Type.F64, a)
        if value:
            bits, flags = reference(Type.F32, value, rm)
            assert evaluate(code("fcvt_f", Type.F32), (a,), (rm,)) == (home(Type.F32, bits), flags), hex(a)
        (a,) = operands(Type.F32, random, 1)
        if exact(Type.F32, a):
            expected = reference(Type.F64, exact(Type.F32, a), rm)
            assert evaluate(code("fcvt_f", Type.F64), (home(Type.F32, a),), (rm,)) == expected
        integer = random.getrandbits(64) >> random.randrange(63)
        for kind in (Type.F32, Type.F64):
            for itype, number in enumerate((sext(integer, 32), integer % 2**32, sext(integer, 64), integer)):
                if number:
                    bits, flags = reference(kind, Fraction(number), rm)
                    assert evaluate(code("fcvt_from_int", kind), (integer,), (itype, rm)) == (home(kind, bits), flags)


@pytest.mark.parametrize("rm", [Rm.RNE, Rm.RTZ, Rm.RDN, Rm.RUP, Rm.RMM])
@pytest.mark.parametrize("kind", [Type.F32, Type.F64])
def test_to_integers(kind: Type, rm: Rm) -> None:
    random = Random(rm)
    limits = ((-(2**31), 2**31 - 1), (0, 2**32 - 1), (-(2**63), 2**63 - 1), (0, 2**64 - 1))
    for _ in range(60):
        (a,) = operands(kind, random, 1)
        value = exact(kind, a)
        floor = value.numerator // value.denominator
        if floor == value:
            integer = floor
        elif rm in (Rm.RDN, Rm.RUP):
            integer = floor + (rm == Rm.RUP)
        elif value < 0:
            integer = floor + (not pick(-value, Fraction(-floor - 1), Fraction(-floor), floor % 2 == 1, rm))
        else:
            integer = floor + pick(value, Fraction(floor), Fraction(floor + 1), floor % 2 == 0, rm)
        for itype, (lowest, highest) in enumerate(limits):
            clamped = min(max(integer, lowest), highest)
            flags = NV if clamped != integer else NX if integer != value else 0
            width = 64 if itype > 1 else 32
            found = evaluate(code("fcvt_to_int", kind), (home(kind, a),), (itype, rm))
            assert found == (sext(clamped, width) % 2**64, flags), hex(a)
