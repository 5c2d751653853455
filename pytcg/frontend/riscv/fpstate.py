"""fflags and frm, which live in the host's control word too (Unprivileged ISA manual, section 20.2).

Accrued exceptions are env.fflags or'ed with the status bits of env.mxcsr, which is what machine code loads and saves;
the rounding mode of env.mxcsr follows frm where the host has it.
"""

from __future__ import annotations

from pytcg.frontend.riscv.bits import MSTATUS_DIRTY
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.status import update_flags
from pytcg.tcg.types import Rm

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
FFLAGS = 31
#: status bits of MXCSR (Intel SDM, volume 1, section 10.2.3) and what they are in fflags; denormal operand is nothing
_MXCSR_STATUS = {1 << 0: NV, 1 << 2: DZ, 1 << 3: OF, 1 << 4: UF, 1 << 5: NX}
_MXCSR_STATUS_MASK = 0x3F
_MXCSR_ROUNDING: dict[int, int] = {Rm.RNE: 0 << 13, Rm.RDN: 1 << 13, Rm.RUP: 2 << 13, Rm.RTZ: 3 << 13}
_MXCSR_ROUNDING_MASK = 3 << 13
#: all exceptions masked, round to nearest
MXCSR_RESET = 0x1F80

_FFLAGS_OF_MXCSR = tuple(sum(flag for bit, flag in _MXCSR_STATUS.items() if status & bit) for status in range(64))


def read_fflags(env: RiscvEnv) -> int:
    """The accrued exceptions."""
    return int(env.fflags | _FFLAGS_OF_MXCSR[env.mxcsr & _MXCSR_STATUS_MASK])


def write_fflags(env: RiscvEnv, value: int) -> None:
    """Set the accrued exceptions."""
    env.fflags = value & FFLAGS
    env.mxcsr &= ~_MXCSR_STATUS_MASK
    env.mstatus |= MSTATUS_DIRTY


def write_frm(env: RiscvEnv, value: int) -> None:
    """Set the rounding mode. Reserved values are kept: they make instructions with a dynamic rounding mode illegal."""
    env.frm = value & 7
    env.mxcsr = env.mxcsr & ~_MXCSR_ROUNDING_MASK | _MXCSR_ROUNDING.get(env.frm, 0)
    env.mstatus |= MSTATUS_DIRTY
    update_flags(env)
