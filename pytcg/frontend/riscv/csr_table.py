"""The table of control and status registers: which exist, what of them can be seen and written, and how.

Sources: Unprivileged ISA manual, chapters 7, 8 and 20; Privileged ISA manual, chapters 3, 11 and 17. What is not here
raises illegal instruction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from pytcg.frontend.riscv.bits import (
    COUNTER_CY,
    COUNTER_IR,
    ENVCFG_CBCFE,
    ENVCFG_CBIE,
    ENVCFG_CBZE,
    ENVCFG_FIOM,
    MIP_ALL,
    MIP_S,
    MSTATUS_SD,
    MSTATUS_UXL,
    PMP_ENTRIES,
    SSTATUS,
)
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.tcg.state import WORD
from pytcg.tcg.types import MASK64

_SENVCFG = ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE
#: medeleg: all causes but those of M's own ecall and the reserved ones
_DELEGABLE = 0xB3FF
#: epc: instructions are 2-byte aligned
_EPC = MASK64 - 1
#: tvec: MODE 2 and 3 are reserved
_TVEC = MASK64 - 2


class CsrOp(IntEnum):
    """What an instruction does to a CSR besides reading it; numbered as the low bits of funct3."""

    READ = 0
    WRITE = 1
    SET = 2
    CLEAR = 3


class Gate(IntEnum):
    """A condition of access beyond the privilege that the number holds."""

    OPEN = 0
    #: mstatus.FS is on
    FP = 1
    #: the counter exists; mcounteren for S, and scounteren besides for U, have its bit
    COUNTER = 2
    #: the ISA has Sstc; menvcfg.STCE and mcounteren.TM are set for S
    STIMECMP = 3
    #: mstatus.TVM is clear in S
    TVM = 4


class Effect(IntFlag):
    """What a write may change that translated code, or the loop around it, depends on."""

    NONE = 0
    #: translation flags or translations: what follows must be looked up anew
    TRANSLATION = 1
    #: pending or enabled interrupts
    INTERRUPTS = 2


@dataclass(frozen=True)
class Csr:
    """One CSR: the bits `mask` of a word of the CPU state, or zero without a `field`; csr_access.py has the exceptions.

    A `plain` one is written by storing the bits `mask`; others have a function for that, or ignore it.
    """

    number: int
    name: str
    field: str = ""
    mask: int = MASK64
    index: int = 0
    plain: bool = False
    gate: Gate = Gate.OPEN
    effect: Effect = Effect.NONE

    @property
    def offset(self) -> int:
        """Byte offset of the field from env."""
        return LAYOUT.offset[self.field] + WORD * self.index

    @property
    def privilege(self) -> int:
        """The lowest privilege that may access it."""
        return self.number >> 8 & 3

    @property
    def read_only(self) -> bool:
        """Whether any write is an illegal instruction."""
        return self.number >> 10 == 3


def _plain(number: int, name: str, mask: int = MASK64) -> Csr:
    return Csr(number, name, name, mask, plain=True)


_LOOKUP, _IRQ = Effect.TRANSLATION, Effect.INTERRUPTS
_ROWS = (
    # floating point
    Csr(0x001, "fflags", gate=Gate.FP),
    Csr(0x002, "frm", "frm", gate=Gate.FP, effect=_LOOKUP),
    Csr(0x003, "fcsr", gate=Gate.FP, effect=_LOOKUP),
    # counters as U sees them
    Csr(0xC00, "cycle", gate=Gate.COUNTER),
    Csr(0xC01, "time", gate=Gate.COUNTER),
    Csr(0xC02, "instret", gate=Gate.COUNTER),
    *(Csr(0xC00 + n, f"hpmcounter{n}", gate=Gate.COUNTER) for n in range(3, 32)),
    # supervisor
    Csr(0x100, "sstatus", "mstatus", SSTATUS | MSTATUS_UXL | MSTATUS_SD, effect=_LOOKUP | _IRQ),
    Csr(0x104, "sie", effect=_IRQ),
    _plain(0x105, "stvec", _TVEC),
    Csr(0x106, "scounteren", "scounteren"),
    Csr(0x10A, "senvcfg", "senvcfg", _SENVCFG),
    _plain(0x140, "sscratch"),
    _plain(0x141, "sepc", _EPC),
    _plain(0x142, "scause"),
    _plain(0x143, "stval"),
    Csr(0x144, "sip", effect=_IRQ),
    Csr(0x14D, "stimecmp", "stimecmp", gate=Gate.STIMECMP, effect=_IRQ),
    Csr(0x180, "satp", "satp", gate=Gate.TVM, effect=_LOOKUP),
    # machine
    *(Csr(0xF11 + n, name) for n, name in enumerate(("mvendorid", "marchid", "mimpid"))),
    Csr(0xF14, "mhartid", "mhartid"),
    Csr(0xF15, "mconfigptr"),
    Csr(0x300, "mstatus", "mstatus", effect=_LOOKUP | _IRQ),
    Csr(0x301, "misa", "misa"),
    _plain(0x302, "medeleg", _DELEGABLE),
    Csr(0x303, "mideleg", "mideleg", MIP_S, plain=True, effect=_IRQ),
    Csr(0x304, "mie", "mie", MIP_ALL, effect=_IRQ),
    _plain(0x305, "mtvec", _TVEC),
    Csr(0x306, "mcounteren", "mcounteren"),
    Csr(0x30A, "menvcfg", "menvcfg", effect=_IRQ),
    Csr(0x320, "mcountinhibit", "mcountinhibit", COUNTER_CY | COUNTER_IR),
    *(Csr(0x320 + n, f"mhpmevent{n}") for n in range(3, 32)),
    _plain(0x340, "mscratch"),
    _plain(0x341, "mepc", _EPC),
    _plain(0x342, "mcause"),
    _plain(0x343, "mtval"),
    Csr(0x344, "mip", "mip", MIP_ALL, effect=_IRQ),
    *(Csr(0x3A0 + 2 * n, f"pmpcfg{2 * n}", "pmpcfg", index=n, effect=_LOOKUP) for n in range(PMP_ENTRIES // 8)),
    *(Csr(0x3B0 + n, f"pmpaddr{n}", "pmpaddr", index=n, effect=_LOOKUP) for n in range(PMP_ENTRIES)),
    # no triggers: the type of the only one is 0 (Debug specification, section 5.7)
    *(Csr(0x7A0 + n, name) for n, name in enumerate(("tselect", "tdata1", "tdata2", "tdata3"))),
    Csr(0xB00, "mcycle"),
    Csr(0xB02, "minstret"),
    *(Csr(0xB00 + n, f"mhpmcounter{n}") for n in range(3, 32)),
)

CSRS: dict[int, Csr] = {row.number: row for row in _ROWS}
NUMBERS = {row.name: row.number for row in _ROWS}
