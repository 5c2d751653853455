"""Floating-point sum, product, quotient, square root and fused multiply-add (IEEE 754-2019, 5.4.1)."""

from __future__ import annotations

from math import isqrt

from pytcg.tcg.soft_format import Flag, Format, Kind, Result, Value
from pytcg.tcg.types import Rm


def _nan(format: Format, *values: Value) -> Result:
    """The result of an operation with a NaN among its operands."""
    return format.canonical_nan, Flag.NV if any(value.kind == Kind.SIGNALLING for value in values) else 0


def _infinity(format: Format, sign: int) -> Result:
    return format.infinity | (format.sign_bit if sign else 0), 0


def _sum(format: Format, a: Value, b: Value, rm: int) -> Result:
    """The sum of two values that are no NaNs."""
    if Kind.INFINITE in (a.kind, b.kind):
        if a.kind == b.kind and a.sign != b.sign:
            return format.canonical_nan, Flag.NV
        return _infinity(format, a.sign if a.kind == Kind.INFINITE else b.sign)
    exponent = min(a.exponent, b.exponent)
    x = a.significand << (a.exponent - exponent)
    y = b.significand << (b.exponent - exponent)
    total = (-x if a.sign else x) + (-y if b.sign else y)
    # An exact zero is positive, negative towards -infinity; zeros of one sign keep it.
    sign = int(total < 0) if total else a.sign if a.sign == b.sign else int(rm == Rm.RDN)
    return format.round(sign, exponent, abs(total), rm)


def _product(a: Value, b: Value, negate: int = 0) -> Value | None:
    """The exact product of two values that are no NaNs; None for zero times infinity."""
    sign = a.sign ^ b.sign ^ negate
    if Kind.INFINITE in (a.kind, b.kind):
        zero = any(value.kind == Kind.FINITE and not value.significand for value in (a, b))
        return None if zero else Value(Kind.INFINITE, sign)
    return Value(Kind.FINITE, sign, a.exponent + b.exponent, a.significand * b.significand)


def add(format: Format, x: int, y: int, rm: int) -> Result:
    """x + y."""
    a, b = format.decode(x), format.decode(y)
    return _nan(format, a, b) if max(a.kind, b.kind) >= Kind.QUIET else _sum(format, a, b, rm)


def subtract(format: Format, x: int, y: int, rm: int) -> Result:
    """x - y."""
    return add(format, x, y ^ format.sign_bit, rm)


def multiply(format: Format, x: int, y: int, rm: int) -> Result:
    """x * y."""
    a, b = format.decode(x), format.decode(y)
    if max(a.kind, b.kind) >= Kind.QUIET:
        return _nan(format, a, b)
    product = _product(a, b)
    if product is None:
        return format.canonical_nan, Flag.NV
    if product.kind == Kind.INFINITE:
        return _infinity(format, product.sign)
    return format.round(product.sign, product.exponent, product.significand, rm)


def fused_multiply_add(format: Format, x: int, y: int, z: int, negate: int, rm: int) -> Result:
    """x * y + z, rounded once; bit 0 of `negate` negates the product, bit 1 negates z.

    Zero times infinity raises NV even if z is a quiet NaN.
    """
    a, b, c = format.decode(x), format.decode(y), format.decode(z ^ (format.sign_bit if negate & 2 else 0))
    product = _product(a, b, negate & 1) if max(a.kind, b.kind) < Kind.QUIET else a
    if product is None:
        return format.canonical_nan, Flag.NV
    if max(a.kind, b.kind, c.kind) >= Kind.QUIET:
        return _nan(format, a, b, c)
    return _sum(format, product, c, rm)


def divide(format: Format, x: int, y: int, rm: int) -> Result:
    """x / y."""
    a, b = format.decode(x), format.decode(y)
    if max(a.kind, b.kind) >= Kind.QUIET:
        return _nan(format, a, b)
    sign = a.sign ^ b.sign
    if a.kind == Kind.INFINITE:
        return (format.canonical_nan, Flag.NV) if b.kind == Kind.INFINITE else _infinity(format, sign)
    if b.kind == Kind.INFINITE:
        return format.round(sign, 0, 0, rm)
    if not b.significand:
        return (_infinity(format, sign)[0], Flag.DZ) if a.significand else (format.canonical_nan, Flag.NV)
    # Enough bits for one rounding; a last bit more stands for the remainder.
    shift = format.precision + 2 + max(0, b.significand.bit_length() - a.significand.bit_length())
    quotient, remainder = divmod(a.significand << shift, b.significand)
    return format.round(sign, a.exponent - b.exponent - shift - 1, quotient << 1 | (remainder != 0), rm)


def square_root(format: Format, x: int, rm: int) -> Result:
    """The square root of x."""
    a = format.decode(x)
    if a.kind >= Kind.QUIET:
        return _nan(format, a)
    if a.kind == Kind.FINITE and not a.significand:
        return x, 0
    if a.sign:
        return format.canonical_nan, Flag.NV
    if a.kind == Kind.INFINITE:
        return x, 0
    shift = 2 * (format.precision + 2) + (a.exponent & 1)
    radicand = a.significand << shift
    root = isqrt(radicand)
    return format.round(0, (a.exponent - shift) // 2 - 1, root << 1 | (root * root != radicand), rm)
