"""The state of a hart after reset (Privileged ISA manual, section 3.4), and registers as text."""

from __future__ import annotations

from collections.abc import Iterable

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
from pytcg.frontend.riscv.csr_access import read
from pytcg.frontend.riscv.csr_table import CSRS
from pytcg.frontend.riscv.fpstate import MXCSR_RESET
from pytcg.frontend.riscv.isa import Isa
from pytcg.frontend.riscv.pmp import work_out
from pytcg.frontend.riscv.state import FIELDS, LAYOUT, RiscvEnv
from pytcg.frontend.riscv.status import update_flags
from pytcg.tcg.state import EMPTY, WORD

_ZEROED = ("globals", "irq", "fflags", "pc", *(field.name for field in FIELDS))
_SHOWN = (
    0x300, 0x344, 0x304, 0x303, 0x302, 0x305, 0x105, 0x341, 0x141, 0x342, 0x142, 0x343, 0x143, 0x340, 0x140, 0x180,
    0x003,
)  # fmt: skip
#: what extensions add to menvcfg and to mcounteren
_ENVIRONMENT = {
    "zicbom": ENVCFG_CBIE | ENVCFG_CBCFE,
    "zicboz": ENVCFG_CBZE,
    "svadu": MENVCFG_ADUE,
    "svpbmt": MENVCFG_PBMTE,
    "sstc": MENVCFG_STCE,
}
_COUNTERS = {"zicntr": COUNTER_CY | COUNTER_TM | COUNTER_IR, "zihpm": 0xFFFFFFF8}
_PRIVILEGES = {0: "U", 1: "S", 3: "M"}
X_NAMES = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
)  # fmt: skip
F_NAMES = (
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
)  # fmt: skip


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


def describe(env: RiscvEnv) -> str:
    """The registers, four (CSRs: two) a line."""
    lines = [f" pc       {env.pc:016x}  privilege {_PRIVILEGES[env.priv]}{'  halted' if env.halted else ''}"]
    shown = [(CSRS[number].name, read(env, CSRS[number])) for number in _SHOWN]
    lines += _columns(shown, 2)
    lines += _columns(zip((f"x{n}/{name}" for n, name in enumerate(X_NAMES)), env.globals[:32], strict=True), 4)
    lines += _columns(zip((f"f{n}/{name}" for n, name in enumerate(F_NAMES)), env.globals[32:], strict=True), 4)
    return "\n".join(lines) + "\n"


def registers(env: RiscvEnv) -> dict[str, int]:
    """Registers by name: pc, x0 and zero alike, and the CSRs that `describe` shows."""
    found = {"pc": env.pc, **{CSRS[number].name: read(env, CSRS[number]) for number in _SHOWN}}
    for numbers, names, first in (("x", X_NAMES, 0), ("f", F_NAMES, 32)):
        for n, name in enumerate(names):
            found[name] = found[f"{numbers}{n}"] = env.globals[first + n]
    return found


def _columns(values: Iterable[tuple[str, int]], columns: int) -> list[str]:
    cells = [f" {name:<8} {value:016x}" for name, value in values]
    return ["".join(cells[at : at + columns]) for at in range(0, len(cells), columns)]
