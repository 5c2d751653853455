"""Floating point in software: what the floating-point ops compute, exactly.

Operands and results are the 64-bit homes of values: binary32 is NaN-boxed, and what is not boxed properly reads as the
canonical NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import cache

from pytcg.tcg import soft_arithmetic as arithmetic
from pytcg.tcg import soft_compare as comparison
from pytcg.tcg import soft_convert as conversion
from pytcg.tcg.ops import definition, type_of
from pytcg.tcg.soft_format import BINARY32, BINARY64, Format, Result
from pytcg.tcg.types import Type


class Operands(Enum):
    """What the operands of an op are."""

    OWN = 0
    OTHER = 1
    RAW = 2


#: op -> function of the format, the operands' bits and the remaining fields; what the operands are; whether d is boxed
_ROWS: dict[str, tuple[Callable[..., Result], Operands, bool]] = {
    "fadd": (arithmetic.add, Operands.OWN, True),
    "fsub": (arithmetic.subtract, Operands.OWN, True),
    "fmul": (arithmetic.multiply, Operands.OWN, True),
    "fdiv": (arithmetic.divide, Operands.OWN, True),
    "fsqrt": (arithmetic.square_root, Operands.OWN, True),
    "fma": (arithmetic.fused_multiply_add, Operands.OWN, True),
    "fmin": (comparison.minimum, Operands.OWN, True),
    "fmax": (comparison.maximum, Operands.OWN, True),
    "fcmp": (comparison.compare, Operands.OWN, False),
    "fclass": (comparison.classify, Operands.OWN, False),
    "fsgnj": (comparison.inject_sign, Operands.OWN, True),
    "fcvt_f": (conversion.convert, Operands.OTHER, True),
    "fcvt_to_int": (conversion.to_integer, Operands.OWN, False),
    "fcvt_from_int": (conversion.from_integer, Operands.RAW, True),
    "fmv_to_int": (conversion.move_to_integer, Operands.RAW, False),
    "fmv_from_int": (conversion.move_from_integer, Operands.RAW, True),
}


@cache
def _row(op_code: int) -> tuple[Callable[..., Result], Format, Callable[[int], int] | None, bool]:
    function, operands, boxed = _ROWS[definition(op_code).name]
    format = BINARY32 if type_of(op_code) == Type.F32 else BINARY64
    source = conversion.other_format(format) if operands is Operands.OTHER else format
    return function, format, None if operands is Operands.RAW else source.unbox, boxed


def evaluate(op_code: int, inputs: tuple[int, ...], extra: tuple[int, ...]) -> Result:
    """The home of the output, unsigned, and the exception flags (NX 1, UF 2, OF 4, DZ 8, NV 16) of a floating-point op.

    `inputs` are the homes of the operands, unsigned, `extra` the fields of the op that are no operands, both in the
    order of the row; the rounding mode is not DYN. Raises KeyError for an op that is not floating point.
    """
    function, format, unbox, boxed = _row(op_code)
    operands = inputs if unbox is None else map(unbox, inputs)
    bits, flags = function(format, *operands, *extra)
    return (bits | format.boxing if boxed else bits), int(flags)
