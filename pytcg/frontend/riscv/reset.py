"""The state of a hart after reset (Privileged ISA manual, section 3.4)."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import (
    COUNTER_CY,
    COUNTER_IR,
    COUNTER_TM,
    ENVCFG_CBCFE,
    ENVCFG_CBIE,
    ENVCFG_CBZE,
    ENVCFG_FIOM,
    MENVCFG_ADUE,
    MENVCFG_PBMTE,
    MENVCFG_STCE,
    MSTATUS,
    MSTATUS_FS,
    MSTATUS_SXL,
    MSTATUS_UXL,
    PRIV_M,
    PTE_N,
    PTE_RESERVED,
)
from pytcg.frontend.riscv.fpstate import MXCSR_RESET
from pytcg.frontend.riscv.isa import Isa
from pytcg.frontend.riscv.pmp import work_out
from pytcg.frontend.riscv.state import FIELDS, LAYOUT, RiscvEnv
from pytcg.frontend.riscv.status import update_flags
from pytcg.tcg.state import EMPTY, WORD

_ZEROED = ("globals", "irq", "fflags", "pc", *(field.name for field in FIELDS))
#: what extensions add to menvcfg and to mcounteren
_ENVIRONMENT = {
    "zicbom": ENVCFG_CBIE | ENVCFG_CBCFE,
    "zicboz": ENVCFG_CBZE,
    "svadu": MENVCFG_ADUE,
    "svpbmt": MENVCFG_PBMTE,
    "sstc": MENVCFG_STCE,
}
_COUNTERS = {"zicntr": COUNTER_CY | COUNTER_TM | COUNTER_IR, "zihpm": 0xFFFFFFF8}


def reset(env: RiscvEnv, isa: Isa, hartid: int, pc: int = 0) -> None:
    """Put a hart of an ISA into M at `pc`, with registers zero and all that can be enabled off.

    The caches are not touched: with a reset, the engine empties them.
    """
    for name in _ZEROED:
        start = env.index + LAYOUT.offset[name] // WORD
        for at in range(start, start + LAYOUT.fields[name].count):
            env.words[at] = 0
    env.mhartid = hartid
    env.misa = isa.misa
    env.status_mask = MSTATUS if "f" in isa else MSTATUS & ~MSTATUS_FS
    env.menvcfg_mask = ENVCFG_FIOM | sum(bits for name, bits in _ENVIRONMENT.items() if name in isa)
    env.pte_reserved = PTE_RESERVED if "svnapot" in isa else PTE_RESERVED | PTE_N
    env.counter_mask = sum(bits for name, bits in _COUNTERS.items() if name in isa)
    env.pc = pc
    env.priv = PRIV_M
    env.mstatus = MSTATUS_UXL | MSTATUS_SXL
    env.mxcsr = MXCSR_RESET
    env.res_addr = EMPTY
    env.stimecmp = env.alarm_at = EMPTY
    # As QEMU: a guest without firmware that never heard of Svadu finds A and D set for it.
    env.menvcfg = env.menvcfg_mask & MENVCFG_ADUE
    work_out(env)
    update_flags(env)
