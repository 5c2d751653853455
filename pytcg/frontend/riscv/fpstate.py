"""fflags and frm, which live in the host's control word too (Unprivileged ISA manual, section 20.2).

Accrued exceptions are env.fflags or'ed with the status bits of env.mxcsr, which is what machine code loads and saves;
the rounding mode of env.mxcsr follows frm where the host has it.
"""

from __future__ import annotations

from pytcg.frontend.riscv.bits import MSTATUS_DIRTY
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.status import update_flags
from pytcg.native import native
from pytcg.tcg.types import Rm

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
FFLAGS = 31
FRM = 7
# Status bits and rounding control of MXCSR (Intel SDM, volume 1, section 10.2.3).
_INVALID, _ZERO_DIVIDE, _OVERFLOW, _UNDERFLOW, _INEXACT, _STATUS = 1, 4, 8, 16, 32, 63
_ROUNDING_SHIFT = 13
_ROUNDING = 3 << _ROUNDING_SHIFT
#: rounding control, two bits each rounding mode of frm; those that the host lacks round to nearest
_ROUNDINGS = sum(bits << 2 * rm for rm, bits in ((Rm.RNE, 0), (Rm.RDN, 1), (Rm.RUP, 2), (Rm.RTZ, 3)))
#: all exceptions masked, round to nearest
MXCSR_RESET = 0x1F80


@native
def read_fflags(env: RiscvEnv) -> int:
    """The accrued exceptions."""
    status = env.mxcsr
    flags = env.fflags
    if status & _INVALID:
        flags |= NV
    if status & _ZERO_DIVIDE:
        flags |= DZ
    if status & _OVERFLOW:
        flags |= OF
    if status & _UNDERFLOW:
        flags |= UF
    if status & _INEXACT:
        flags |= NX
    return int(flags)


@native
def write_fflags(env: RiscvEnv, value: int) -> None:
    """Set the accrued exceptions."""
    env.fflags = value & FFLAGS
    env.mxcsr &= ~_STATUS
    env.mstatus |= MSTATUS_DIRTY


@native
def write_frm(env: RiscvEnv, value: int) -> None:
    """Set the rounding mode. Reserved values are kept: they make instructions with a dynamic rounding mode illegal."""
    mode = value & FRM
    env.mstatus |= MSTATUS_DIRTY
    if mode != env.frm:
        env.frm = mode
        env.mxcsr = env.mxcsr & ~_ROUNDING | (_ROUNDINGS >> (mode << 1) & 3) << _ROUNDING_SHIFT
        update_flags(env)
