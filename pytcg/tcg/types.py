"""Types, conditions, memory-operation bits and operand classes of TCG ops."""

from __future__ import annotations

from enum import IntEnum

MASK64 = 0xFFFFFFFFFFFFFFFF
MASK32 = 0xFFFFFFFF


class Type(IntEnum):
    """Type of an op's instance. Every value lives in a 64-bit home; the type says how much of it counts."""

    NONE = 0
    #: reads the low 32 bits, the result is sign-extended to 64
    I32 = 1
    #: reads the low 32 bits, the result is zero-extended to 64
    U32 = 2
    I64 = 3
    #: binary32, NaN-boxed: the upper 32 bits are ones, or the value reads as the canonical NaN
    F32 = 4
    F64 = 5


class Cond(IntEnum):
    """Conditions. The lowest bit inverts. TSTEQ and TSTNE test (a & b) against zero."""

    EQ = 0
    NE = 1
    LT = 2
    GE = 3
    LTU = 4
    GEU = 5
    LE = 6
    GT = 7
    LEU = 8
    GTU = 9
    TSTEQ = 10
    TSTNE = 11


#: the condition of (b, a) that says the same as one of (a, b)
SWAPPED = {
    **{cond: cond for cond in (Cond.EQ, Cond.NE, Cond.TSTEQ, Cond.TSTNE)},
    Cond.LT: Cond.GT,
    Cond.GT: Cond.LT,
    Cond.GE: Cond.LE,
    Cond.LE: Cond.GE,
    Cond.LTU: Cond.GTU,
    Cond.GTU: Cond.LTU,
    Cond.GEU: Cond.LEU,
    Cond.LEU: Cond.GEU,
}


class Rm(IntEnum):
    """Rounding modes, numbered as RISC-V's frm. DYN is the mode that the host's control word holds."""

    RNE = 0
    RTZ = 1
    RDN = 2
    RUP = 3
    RMM = 4
    DYN = 7


# Memory-operation bits ("mop"): log2 of the size, sign extension, data MMU mode, and whether misalignment is a fault.
MO_8, MO_16, MO_32, MO_64 = 0, 1, 2, 3
MO_SIZE = 3
MO_SIGN = 4
MO_MODE_SHIFT = 3
MO_MODE = 3 << MO_MODE_SHIFT
MO_ALIGN = 1 << 5


def sext(value: int, bits: int) -> int:
    """The low `bits` of `value`, sign-extended, as a Python int."""
    sign = 1 << (bits - 1)
    return ((value & ((1 << bits) - 1)) ^ sign) - sign


def signed64(value: int) -> int:
    """A 64-bit word read as two's complement."""
    return value if -1 << 63 <= value < 1 << 63 else sext(value, 64)
