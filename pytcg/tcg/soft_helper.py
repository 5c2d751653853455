"""The helper that machine code calls for a floating-point op that the host does not do as the guest."""

from __future__ import annotations

from functools import cache
from typing import Any

from pytcg.tcg.helpers import Action
from pytcg.tcg.ops import definition
from pytcg.tcg.types import Rm

#: bits 13-14 of MXCSR, its rounding control (Intel SDM volume 1, 10.2.3), as rounding modes
_ROUNDING_CONTROL = (Rm.RNE, Rm.RDN, Rm.RUP, Rm.RTZ)


@cache
def _fields(packed: int) -> tuple[int, int, tuple[int, ...], int]:
    """Of `Helper.FP`'s arg[3]: op code, number of operands, remaining fields, the place of a DYN among these or -1."""
    op_code = packed & 0xFFFF
    row = definition(op_code)
    names = [name for name in row.fields if name not in "dabc"]
    extra = tuple(packed >> (16 + 4 * place) & 15 for place in range(len(names)))
    dynamic = [place for place, name in enumerate(names) if name == "rm" and extra[place] == Rm.DYN]
    return op_code, len(row.inputs), extra, dynamic[0] if dynamic else -1


def helper_fp(env: Any) -> Action:
    """`Helper.FP`: env.ret = the op's result; its exceptions accrue in env.fflags; DYN is the mode in env.mxcsr."""
    # few guests ever need it, and the start of all is to be short
    from pytcg.tcg.soft import evaluate

    op_code, count, extra, dynamic = _fields(env.arg[3])
    if dynamic >= 0:
        mode = _ROUNDING_CONTROL[env.mxcsr >> 13 & 3]
        extra = (*extra[:dynamic], mode, *extra[dynamic + 1 :])
    env.ret, flags = evaluate(op_code, tuple(env.arg[:count]), extra)
    env.fflags |= flags
    return Action.CONTINUE
