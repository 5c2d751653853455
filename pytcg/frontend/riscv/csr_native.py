"""Accesses of CSRs that kernels write at each switch of tasks: native, with the arguments of RiscvHelper.CSR."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import CBIE_RESERVED, ENVCFG_CBIE, MSTATUS_FS
from pytcg.frontend.riscv.csr_table import CSRS, NUMBERS, CsrOp
from pytcg.frontend.riscv.exceptions import illegal
from pytcg.frontend.riscv.fpstate import read_fflags, write_fflags, write_frm
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.native import native
from pytcg.tcg.helpers import Action

#: where frm begins in fcsr
FRM_SHIFT = 5
_FFLAGS, _FRM = NUMBERS["fflags"], NUMBERS["frm"]
_SENVCFG = CSRS[NUMBERS["senvcfg"]].mask
_READ, _WRITE, _SET, _OPERATION = int(CsrOp.READ), int(CsrOp.WRITE), int(CsrOp.SET), 3


@native
def new_value(env: RiscvEnv, old: int) -> int:
    """What the instruction writes to a CSR that reads as `old`."""
    operation = env.arg[2] & _OPERATION
    if operation == _WRITE:
        return int(env.arg[1])
    if operation == _SET:
        return old | int(env.arg[1])
    return old & ~int(env.arg[1])


@native
def helper_float_csr(env: RiscvEnv) -> int:
    """RiscvHelper.FLOAT_CSR: fflags, frm and fcsr."""
    if env.mstatus & MSTATUS_FS == 0:
        return illegal(env, env.arg[2] >> 8)
    number: int = env.arg[0]
    flags = read_fflags(env)
    mode: int = env.frm
    old = flags if number == _FFLAGS else mode if number == _FRM else mode << FRM_SHIFT | flags
    if env.arg[2] & _OPERATION != _READ:
        value = new_value(env, old)
        if number == _FRM:
            write_frm(env, value)
        else:
            write_fflags(env, value)
            if number != _FFLAGS:
                write_frm(env, value >> FRM_SHIFT)
    env.ret = old
    return Action.CONTINUE


@native
def environment(value: int, mask: int) -> int:
    """What a write leaves in menvcfg or senvcfg, of which the ISA has the bits `mask`."""
    return value & mask & ~ENVCFG_CBIE if value & ENVCFG_CBIE == CBIE_RESERVED else value & mask


@native
def write_senvcfg(env: RiscvEnv, value: int) -> None:
    """Write senvcfg."""
    env.senvcfg = environment(value, _SENVCFG & env.menvcfg_mask)


@native
def helper_senvcfg(env: RiscvEnv) -> int:
    """RiscvHelper.SENVCFG: writes of senvcfg."""
    old: int = env.senvcfg
    write_senvcfg(env, new_value(env, old))
    env.ret = old
    return Action.CONTINUE
