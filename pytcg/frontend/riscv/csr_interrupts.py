"""The CSRs of interrupts and of the supervisor's timer, which kernels write all the time: native."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import COUNTER_TM, MENVCFG_STCE, MIP_S, MIP_SSIP, MIP_STIP, PRIV_M
from pytcg.frontend.riscv.csr_native import new_value
from pytcg.frontend.riscv.csr_table import CSRS, NUMBERS, CsrOp
from pytcg.frontend.riscv.exceptions import illegal
from pytcg.frontend.riscv.interrupts import update_pending
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.timer import arm
from pytcg.native import native
from pytcg.tcg.helpers import Action

_SIE, _SIP, _MIE, _MIP, _STIMECMP = (NUMBERS[name] for name in ("sie", "sip", "mie", "mip", "stimecmp"))
_MIE_MASK = CSRS[_MIE].mask
_READ, _OPERATION = int(CsrOp.READ), 3
#: the CSRs that helper_interrupt_csr serves
SERVED = ("sie", "sip", "mie", "mip", "stimecmp")


@native
def write_mie(env: RiscvEnv, value: int) -> None:
    """Write mie."""
    env.mie = value & _MIE_MASK
    update_pending(env)


@native
def write_sie(env: RiscvEnv, value: int) -> None:
    """Write what sie shows of mie: the delegated interrupts."""
    write_mie(env, env.mie & ~env.mideleg | value & env.mideleg)


@native
def write_mip(env: RiscvEnv, value: int) -> None:
    """Write the interrupts that software sets: of S, and not STIP where that is the comparator's."""
    env.mip_soft = value & (MIP_S & ~MIP_STIP if env.menvcfg & MENVCFG_STCE else MIP_S)
    update_pending(env)


@native
def write_sip(env: RiscvEnv, value: int) -> None:
    """Write what S may write of mip: SSIP, if it is delegated."""
    writable = MIP_SSIP & env.mideleg
    write_mip(env, env.mip_soft & ~writable | value & writable)


@native
def write_stimecmp(env: RiscvEnv, value: int) -> None:
    """Write stimecmp."""
    env.stimecmp = value
    arm(env)
    update_pending(env)


@native
def may_use_stimecmp(env: RiscvEnv) -> int:
    """Whether stimecmp can be accessed (Privileged ISA manual, sections 3.1.18 and 17.2)."""
    if env.priv == PRIV_M:
        return int(env.menvcfg_mask & MENVCFG_STCE)
    return int(env.menvcfg & MENVCFG_STCE) if env.mcounteren & COUNTER_TM else 0


@native
def helper_interrupt_csr(env: RiscvEnv) -> int:
    """RiscvHelper.INTERRUPT_CSR."""
    number: int = env.arg[0]
    if number == _STIMECMP and may_use_stimecmp(env) == 0:
        return illegal(env, env.arg[2] >> 8)
    if number == _STIMECMP:
        old: int = env.stimecmp
    elif number == _SIE:
        old = env.mie & env.mideleg
    elif number == _SIP:
        old = env.mip & env.mideleg
    elif number == _MIE:
        old = env.mie
    else:
        old = env.mip
    if env.arg[2] & _OPERATION != _READ:
        if number == _SIE:
            write_sie(env, new_value(env, old))
        elif number == _MIE:
            write_mie(env, new_value(env, old))
        elif number == _STIMECMP:
            write_stimecmp(env, new_value(env, old))
        else:
            # Setting and clearing bits works on what software has set: a line that is high must not stick.
            value = new_value(env, env.mip_soft)
            if number == _SIP:
                write_sip(env, value)
            else:
                write_mip(env, value)
    env.ret = old
    return Action.CONTINUE
