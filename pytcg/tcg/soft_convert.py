"""Conversions between floating-point formats and integers (RISC-V F and D extensions)."""

from __future__ import annotations

from pytcg.tcg.soft_format import BINARY32, BINARY64, Flag, Format, Kind, Result, round_shift
from pytcg.tcg.types import MASK64, sext

#: width and signedness of an integer type by its number in ops: i32, u32, i64, u64
INTEGER_TYPES = ((32, True), (32, False), (64, True), (64, False))


def other_format(format: Format) -> Format:
    """The format that `convert` reads where it writes `format`."""
    return BINARY64 if format is BINARY32 else BINARY32


def convert(format: Format, x: int, rm: int) -> Result:
    """A value of the other format."""
    value = other_format(format).decode(x)
    if value.kind == Kind.FINITE:
        return format.round(value.sign, value.exponent, value.significand, rm)
    if value.kind == Kind.INFINITE:
        return format.infinity | (format.sign_bit if value.sign else 0), 0
    return format.canonical_nan, Flag.NV if value.kind == Kind.SIGNALLING else 0


def to_integer(format: Format, x: int, itype: int, rm: int) -> Result:
    """The integer, sign-extended from its width to 64 bits.

    What is out of range saturates and raises NV; a NaN counts as more than the maximum.
    """
    bits, signed = INTEGER_TYPES[itype]
    lowest, highest = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    value = format.decode(x)
    if value.kind != Kind.FINITE:
        return _home(lowest if value.kind == Kind.INFINITE and value.sign else highest, bits), Flag.NV
    if value.exponent >= 0:
        magnitude, inexact = value.significand << value.exponent, False
    else:
        magnitude, inexact = round_shift(value.sign, value.significand, -value.exponent, rm)
    integer = -magnitude if value.sign else magnitude
    if not lowest <= integer <= highest:
        return _home(lowest if value.sign else highest, bits), Flag.NV
    return _home(integer, bits), Flag.NX if inexact else 0


def _home(integer: int, bits: int) -> int:
    return sext(integer, bits) & MASK64


def from_integer(format: Format, x: int, itype: int, rm: int) -> Result:
    """The value of an integer type in the low bits of x."""
    bits, signed = INTEGER_TYPES[itype]
    integer = sext(x, bits) if signed else x & ((1 << bits) - 1)
    return format.round(int(integer < 0), 0, abs(integer), rm)


def move_to_integer(format: Format, x: int) -> Result:
    """The bits of a format, sign-extended."""
    return _home(x, format.bits), 0


def move_from_integer(format: Format, x: int) -> Result:
    """The low bits."""
    return x & ~format.boxing, 0
