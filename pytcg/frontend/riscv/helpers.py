"""Numbers of the RISC-V helpers, and the functions behind them."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from pytcg.frontend.riscv.csr_access import helper_csr
from pytcg.frontend.riscv.csr_interrupts import helper_interrupt_csr
from pytcg.frontend.riscv.csr_native import helper_float_csr, helper_senvcfg
from pytcg.frontend.riscv.exceptions import helper_ecall, helper_raise
from pytcg.frontend.riscv.fences import helper_sfence_vma, helper_write_satp
from pytcg.frontend.riscv.interrupts import helper_check_interrupts, helper_wfi, interrupt
from pytcg.frontend.riscv.mmu import helper_cbo, helper_cbo_slow, helper_tlb_miss
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.trap_return import helper_mret, helper_sret, helper_write_status
from pytcg.tcg.helpers import Helper

Function = Callable[[RiscvEnv], int]


class RiscvHelper(IntEnum):
    """What a `call` op of RISC-V code may name. Where a helper goes on behind the instruction, that is 4 bytes long."""

    #: raise exception arg[0] with tval arg[1]
    RAISE = Helper.FIRST_GUEST
    #: environment call of the current privilege
    ECALL = RAISE + 1
    SRET = RAISE + 2
    MRET = RAISE + 3
    #: wait for an interrupt; comes back if one is pending
    WFI = RAISE + 4
    #: flush translations: of the page at arg[0] if arg[1], else all; arg[2] the instruction's bits
    SFENCE_VMA = RAISE + 5
    #: any CSR access: arg[0] number, arg[1] operand, arg[2] CsrOp | the instruction's bits << 8; result: the old value
    CSR = RAISE + 6
    #: mstatus = arg[0] in the bits arg[1], which a write may change; comes back if flags stay and no interrupt is taken
    WRITE_STATUS = RAISE + 7
    #: satp = arg[0]; arg[2] the instruction's bits. Never comes back
    WRITE_SATP = RAISE + 8
    #: take a pending interrupt, if one is enabled, before the instruction after this one
    CHECK_INTERRUPTS = RAISE + 9
    #: the same as CSR: any access of fflags, frm and fcsr; writes of senvcfg; sie, sip, mie, mip and stimecmp
    FLOAT_CSR = RAISE + 10
    SENVCFG = RAISE + 11
    INTERRUPT_CSR = RAISE + 12
    #: whether CBO_SLOW must look if a cache block may be managed: arg[0] the address; result: 1 or 0
    CBO = RAISE + 13
    #: fault, as a store, unless a cache block may be managed: arg[0] the address
    CBO_SLOW = RAISE + 14


def _by_number() -> list[Function | None]:
    functions: list[Function | None] = [None] * (max(RiscvHelper) + 1)
    for number, function in _FUNCTIONS.items():
        functions[number] = function
    return functions


_FUNCTIONS: dict[Helper | RiscvHelper, Function] = {
    Helper.TLB_MISS: helper_tlb_miss,
    Helper.INTERRUPT: interrupt,
    RiscvHelper.RAISE: helper_raise,
    RiscvHelper.ECALL: helper_ecall,
    RiscvHelper.SRET: helper_sret,
    RiscvHelper.MRET: helper_mret,
    RiscvHelper.WFI: helper_wfi,
    RiscvHelper.SFENCE_VMA: helper_sfence_vma,
    RiscvHelper.CSR: helper_csr,
    RiscvHelper.WRITE_STATUS: helper_write_status,
    RiscvHelper.WRITE_SATP: helper_write_satp,
    RiscvHelper.CHECK_INTERRUPTS: helper_check_interrupts,
    RiscvHelper.FLOAT_CSR: helper_float_csr,
    RiscvHelper.SENVCFG: helper_senvcfg,
    RiscvHelper.INTERRUPT_CSR: helper_interrupt_csr,
    RiscvHelper.CBO: helper_cbo,
    RiscvHelper.CBO_SLOW: helper_cbo_slow,
}

#: the functions by number; None where the CPU loop has its own
HELPERS = _by_number()
