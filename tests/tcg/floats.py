"""Bit patterns of floating-point numbers for tests."""

from __future__ import annotations

from random import Random

from pytcg.tcg.types import Type

WIDTHS = {Type.F32: 32, Type.F64: 64}
_FRACTIONS = {Type.F32: 23, Type.F64: 52}
_BIASES = {Type.F32: 127, Type.F64: 1023}


def home(kind: Type, bits: int) -> int:
    """The 64-bit home of a bit pattern."""
    return bits | 0xFFFFFFFF_00000000 if kind == Type.F32 else bits


def interesting(kind: Type, random: Random) -> int:
    """A bit pattern: special values, neighbours of powers of two, halfway cases of narrowing, or anything."""
    fraction, bias, width = _FRACTIONS[kind], _BIASES[kind], WIDTHS[kind]
    ones = (1 << fraction) - 1
    quiet = 1 << (fraction - 1)
    sign = random.getrandbits(1) << (width - 1)
    infinity = (2 * bias + 1) << fraction
    choice = random.random()
    if choice < 0.25:
        specials = (
            0,
            1,
            ones,
            1 << fraction,
            infinity - 1,
            infinity,
            infinity | quiet,
            infinity | 1,
            infinity | quiet | 7,
        )
        return sign | random.choice(specials)
    if choice < 0.35:
        return sign | random.getrandbits(fraction)
    if choice < 0.45:
        return random.getrandbits(width)
    exponent = bias + random.choice((0, 0, random.randrange(-70, 70), random.randrange(1 - bias, bias + 1)))
    tail = random.choice(
        (
            random.getrandbits(fraction),
            random.getrandbits(fraction) & random.getrandbits(fraction) & random.getrandbits(fraction),
            ones ^ random.getrandbits(3),
            random.getrandbits(3),
            random.getrandbits(8) << (fraction - 8),
            quiet,
            1 << random.randrange(fraction),
            ones << random.randrange(fraction) & ones,
        )
    )
    return sign | exponent << fraction | tail
