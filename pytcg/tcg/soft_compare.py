"""Floating-point comparison, minimum and maximum, classification and sign injection (RISC-V F and D extensions)."""

from __future__ import annotations

from pytcg.tcg.soft_format import Flag, Format, Kind, Result
from pytcg.tcg.types import Cond


def _order(format: Format, x: int) -> int:
    """A number that orders what is no NaN, with -0 (-1) below +0 (0)."""
    return x if x < format.sign_bit else ~(x - format.sign_bit)


def _select(format: Format, x: int, y: int, largest: bool) -> Result:
    a, b = format.decode(x).kind, format.decode(y).kind
    flags = Flag.NV if Kind.SIGNALLING in (a, b) else 0
    if a >= Kind.QUIET:
        return (y if b < Kind.QUIET else format.canonical_nan), flags
    if b >= Kind.QUIET:
        return x, flags
    return (x if (_order(format, x) > _order(format, y)) == largest else y), flags


def minimum(format: Format, x: int, y: int) -> Result:
    """minimumNumber of IEEE 754-2019."""
    return _select(format, x, y, False)


def maximum(format: Format, x: int, y: int) -> Result:
    """maximumNumber of IEEE 754-2019."""
    return _select(format, x, y, True)


def compare(format: Format, x: int, y: int, cond: int) -> Result:
    """1 if x cond y, else 0; EQ is quiet, LT and LE signal on any NaN. Raises KeyError for other conditions."""
    a, b = format.decode(x).kind, format.decode(y).kind
    if max(a, b) >= Kind.QUIET:
        return 0, Flag.NV if cond != Cond.EQ or Kind.SIGNALLING in (a, b) else 0
    zeros = not (x | y) & ~format.sign_bit
    p, q = (0, 0) if zeros else (_order(format, x), _order(format, y))
    return int({Cond.EQ: p == q, Cond.LT: p < q, Cond.LE: p <= q}[Cond(cond)]), 0


def classify(format: Format, x: int) -> Result:
    """One bit: 0 -inf, 1 -normal, 2 -subnormal, 3 -0, 4 +0 to 7 +inf likewise, 8 signalling NaN, 9 quiet NaN."""
    value = format.decode(x)
    if value.kind >= Kind.QUIET:
        return 1 << (8 + (value.kind == Kind.QUIET)), 0
    if value.kind == Kind.INFINITE:
        distance = 3
    elif value.significand >= format.hidden_bit:
        distance = 2
    else:
        distance = int(value.significand != 0)
    return 1 << (3 - distance if value.sign else 4 + distance), 0


def inject_sign(format: Format, x: int, y: int, mode: int) -> Result:
    """x with the sign of y (mode 0), the inverse of that (1), or the exclusive or of both signs (2)."""
    sign = (y, ~y, x ^ y)[mode] & format.sign_bit
    return x & ~format.sign_bit | sign, 0
