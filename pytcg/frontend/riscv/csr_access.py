"""CSR accesses that translated code leaves to Python: gates, reads and writes, by the rows of csr_table.py."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import MSTATUS_FS, PRIV_M, PRIV_U
from pytcg.frontend.riscv.csr_interrupts import may_use_stimecmp
from pytcg.frontend.riscv.csr_special import READ, WRITE
from pytcg.frontend.riscv.csr_table import CSRS, Csr, CsrOp, Gate
from pytcg.frontend.riscv.exceptions import illegal
from pytcg.frontend.riscv.fences import translation_is_trapped
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import WORD


def allowed(env: RiscvEnv, row: Csr) -> bool:
    """Whether the row's gate lets the current privilege through."""
    match row.gate:
        case Gate.FP:
            return bool(env.mstatus & MSTATUS_FS)
        case Gate.COUNTER:
            enabled = env.mcounteren if env.priv != PRIV_M else env.counter_mask
            if env.priv == PRIV_U:
                enabled &= env.scounteren
            return bool(enabled >> (row.number & 31) & 1)
        case Gate.STIMECMP:
            return bool(may_use_stimecmp(env))
        case Gate.TVM:
            return not translation_is_trapped(env)
        case Gate.OPEN:
            return True


def _field(env: RiscvEnv, row: Csr) -> int:
    return env.index + row.offset // WORD


def read(env: RiscvEnv, row: Csr) -> int:
    """What a CSR reads as."""
    function = READ.get(row.name)
    if function:
        return function(env)
    return env.words[_field(env, row)] & row.mask if row.field else 0


def write(env: RiscvEnv, row: Csr, value: int) -> None:
    """Write a CSR, as far as it can be written."""
    function = WRITE.get(row.name)
    if function:
        function(env, value)
    elif row.plain:
        env.words[_field(env, row)] = value & row.mask


def helper_csr(env: RiscvEnv) -> Action:
    """RiscvHelper.CSR. The translator has checked that the CSR exists, its privilege, and that it is not read-only."""
    row = CSRS[env.arg[0]]
    operand, operation = env.arg[1], env.arg[2] & 3
    if not allowed(env, row):
        return Action(illegal(env, env.arg[2] >> 8))
    old = read(env, row)
    if operation != CsrOp.READ:
        # Setting and clearing bits of mip work on what software has set: a line that is high must not stick.
        base = env.mip_soft if row.name in ("mip", "sip") else old
        values = {CsrOp.WRITE: operand, CsrOp.SET: base | operand, CsrOp.CLEAR: base & ~operand}
        write(env, row, values[operation])
    env.ret = old
    return Action.CONTINUE
