"""IEEE 754 binary formats: from bits to exact values, and from exact values to bits with one rounding.

Finite values are exact: (-1)**sign * significand * 2**exponent with a Python integer significand of any size. So an
operation is integer arithmetic followed by `Format.round`. A NaN that comes out is the canonical one, as RISC-V has it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from pytcg.tcg.types import Rm


class Flag(IntEnum):
    """Exception flags, numbered as in RISC-V's fflags: inexact, underflow, overflow, division by zero, invalid."""

    NX = 1
    UF = 2
    OF = 4
    DZ = 8
    NV = 16


class Kind(IntEnum):
    """What sort of value a bit pattern stands for."""

    FINITE = 0
    INFINITE = 1
    QUIET = 2
    SIGNALLING = 3


class Value(NamedTuple):
    """A value; exponent and significand count for FINITE only."""

    kind: Kind
    sign: int
    exponent: int = 0
    significand: int = 0


#: bits of a format, or an integer; and exception flags
Result = tuple[int, int]


def round_shift(sign: int, significand: int, shift: int, rm: int) -> tuple[int, bool]:
    """`significand` / 2**shift as an integer by a rounding mode (not DYN), and whether that is inexact; shift >= 0."""
    quotient = significand >> shift
    rest = significand - (quotient << shift)
    if not rest:
        return quotient, False
    if rm == Rm.RNE:
        rest += quotient & 1  # a tie goes up from an odd number
        up = rest << 1 > 1 << shift
    elif rm == Rm.RMM:
        up = rest << 1 >= 1 << shift
    else:
        up = rm == (Rm.RDN if sign else Rm.RUP)
    return quotient + up, True


class Format:
    """A binary interchange format of `bits` bits, `precision` of them significant (the hidden bit counts)."""

    def __init__(self, bits: int, precision: int) -> None:
        self.bits = bits
        self.precision = precision
        self.sign_bit = 1 << (bits - 1)
        self.hidden_bit = 1 << (precision - 1)
        self.quiet_bit = self.hidden_bit >> 1
        self.infinity = self.sign_bit - self.hidden_bit
        self.canonical_nan = self.infinity | self.quiet_bit
        #: exponent of the first bit of the smallest normal number, and of the last bit of subnormal ones
        self.min_exponent = 2 - (1 << (bits - precision - 1))
        self.min_quantum = self.min_exponent - (precision - 1)
        #: the bits above in a 64-bit home: all ones
        self.boxing = (1 << 64) - (1 << bits)

    def unbox(self, home: int) -> int:
        """The bit pattern in a 64-bit home; the canonical NaN if it is not boxed properly."""
        return home & ~self.boxing if home >= self.boxing else self.canonical_nan

    def decode(self, bits: int) -> Value:
        """What a bit pattern stands for."""
        magnitude = bits & (self.sign_bit - 1)
        sign = int(bits >= self.sign_bit)
        if magnitude >= self.infinity:
            if magnitude == self.infinity:
                return Value(Kind.INFINITE, sign)
            return Value(Kind.QUIET if magnitude & self.quiet_bit else Kind.SIGNALLING, sign)
        biased = magnitude >> (self.precision - 1)
        if biased:
            return Value(
                Kind.FINITE, sign, self.min_quantum + biased - 1, magnitude % self.hidden_bit + self.hidden_bit
            )
        return Value(Kind.FINITE, sign, self.min_quantum, magnitude)

    def round(self, sign: int, exponent: int, significand: int, rm: int) -> Result:
        """Bits and flags of (-1)**sign * significand * 2**exponent; a significand of 0 makes a zero of that sign.

        Tininess is detected after rounding (RISC-V unprivileged ISA manual, "Floating-Point Control and Status").
        """
        signed = self.sign_bit if sign else 0
        if not significand:
            return signed, 0
        leading = exponent + significand.bit_length() - 1
        quantum = max(leading, self.min_exponent) - (self.precision - 1)
        shift = quantum - exponent
        rounded, inexact = round_shift(sign, significand, shift, rm) if shift > 0 else (significand << -shift, False)
        # The hidden bit adds 1 to the exponent field of a normal number, a carry out of the significand one more.
        magnitude = (quantum - self.min_quantum) * self.hidden_bit + rounded
        if magnitude >= self.infinity:
            to_infinity = rm in (Rm.RNE, Rm.RMM, Rm.RDN if sign else Rm.RUP)
            return signed | (self.infinity if to_infinity else self.infinity - 1), Flag.OF | Flag.NX
        if not inexact:
            return signed | magnitude, 0
        return signed | magnitude, Flag.NX | (Flag.UF if self._tiny(sign, leading, exponent, significand, rm) else 0)

    def _tiny(self, sign: int, leading: int, exponent: int, significand: int, rm: int) -> bool:
        """Whether a value is below the smallest normal number, had it been rounded with an unbounded exponent."""
        if leading != self.min_exponent - 1:
            return leading < self.min_exponent
        shift = leading - (self.precision - 1) - exponent
        return shift <= 0 or round_shift(sign, significand, shift, rm)[0] < 2 * self.hidden_bit


BINARY32 = Format(32, 24)
BINARY64 = Format(64, 53)
