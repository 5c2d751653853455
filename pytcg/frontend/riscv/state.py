"""The RISC-V part of the CPU state: control and status registers, and what the MMU and the interrupt logic keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytcg.frontend.riscv.bits import PMP_ENTRIES
from pytcg.tcg.state import Env, Field, Layout, env_class

#: entries of the ring of noted traps (a power of two), and words of each
TRAP_LOG_SIZE, TRAP_WORDS = 64, 4

FIELDS = (
    Field("priv", 1, "privilege level: 0 U, 1 S, 3 M"),
    Field("mstatus"),
    Field("pending", 1, "mip & mie; kept by whatever changes either"),
    Field("mip", 1, "what is pending, as of the last look at the lines"),
    Field("mip_lines", 1, "interrupt lines as devices drive them; written under the devices' lock"),
    Field("software_line", 1, "MSIP as its device drives it, or 0; written by any thread, machine code included"),
    Field("mip_soft", 1, "interrupt bits that software has set; written by the vCPU only"),
    Field("mie"),
    Field("sscratch"),
    Field("sepc"),
    Field("scause"),
    Field("stval"),
    Field("stvec"),
    Field("satp"),
    Field("medeleg"),
    Field("mideleg"),
    Field("mscratch"),
    Field("mepc"),
    Field("mcause"),
    Field("mtval"),
    Field("mtvec"),
    Field("mcounteren"),
    Field("scounteren"),
    Field("menvcfg"),
    Field("senvcfg"),
    Field("stimecmp"),
    Field("frm", 1, "floating-point rounding mode, mirrored in mxcsr where the host has it"),
    Field("res_addr", 1, "virtual address reserved by lr, all ones without a reservation"),
    Field("res_value", 1, "what lr read there"),
    Field("halted", 1, "1 in wfi until an enabled interrupt is pending"),
    Field("mhartid"),
    Field("misa"),
    Field("status_mask", 1, "bits of mstatus that the ISA has"),
    Field("menvcfg_mask", 1, "bits of menvcfg that the ISA has"),
    Field("counter_mask", 1, "counters that the ISA has: bits of mcounteren"),
    Field("pte_reserved", 1, "bits of a page-table entry that must be zero"),
    Field("mcountinhibit"),
    Field("mcycle", 1, "cycle minus the counter; while inhibited, cycle itself"),
    Field("minstret", 1, "instret minus the counter; while inhibited, instret itself"),
    Field("walk_table", 1, "page-table walk: physical address of the table"),
    Field("walk_shift", 1, "page-table walk: log2 of what an entry of the table maps"),
    Field("walk_size", 1, "page-table walk: bytes that the leaf maps"),
    Field("walk_pa", 1, "page-table walk: the physical address"),
    Field("walk_global", 1, "page-table walk: not zero where an entry on the way was global"),
    Field("reach_first", 1, "first physical address that goes into a TLB entry"),
    Field("reach_end", 1, "physical address after the last"),
    Field("large_start", 2, "lowest address in a superpage that the TLB holds part of, below and above 2**63"),
    Field("large_last", 2, "highest such address"),
    Field("fetched", 2 * 2 * 64, "bit maps (page number modulo 4096) of pages in the jump caches: fetched_word"),
    Field("local_modes", 1, "bit mask of the MMU modes with entries of pages that are not global"),
    Field("local_fetches", 1, "those whose fetches came from such pages"),
    Field("local_count", 1, "how many such entries have been filled"),
    Field("local_entries", 256, "host addresses of the first of these"),
    Field("pmpcfg", PMP_ENTRIES // 8),
    Field("pmpaddr", PMP_ENTRIES),
    Field("pmp_count", 1, "number of PMP entries to look at"),
    Field("pmp_locked", 1, "1 if an entry restricts M"),
    Field("pmp_fine", 1, "1 if an entry starts or ends within a page"),
    Field(
        "pmp_start", PMP_ENTRIES, "first physical address of each PMP entry; one that matches nothing has first > last"
    ),
    Field("pmp_last", PMP_ENTRIES, "last physical address of each PMP entry"),
    Field("pmp_perm", PMP_ENTRIES, "pmpcfg byte of each PMP entry"),
    Field("pmp_open_start", 1, "first physical address of a range in which S and U may do all"),
    Field("pmp_open_last", 1, "last physical address of that range"),
    Field("trap_logging", 1, "1 if traps are noted in trap_log"),
    Field("trap_count", 1, "traps noted so far"),
    Field("trap_printed", 1, "of those, the ones that were printed"),
    Field("trap_log", TRAP_LOG_SIZE * TRAP_WORDS, "ring of noted traps: cause, epc, tval, privilege"),
)

LAYOUT = Layout(FIELDS)


class PhysicalMemory(Protocol):
    """What a guest physical address meets, devices included."""

    def find(self, address: int) -> object | None:
        """What holds `address`; None where there is nothing."""

    def read(self, address: int, size: int) -> int:
        """The `size` bytes at `address`, little-endian."""


class Cpu(Protocol):
    """What the CPU state knows of the vCPU that it belongs to (`env.cpu`)."""

    @property
    def memory(self) -> PhysicalMemory:
        """Guest physical memory."""


if TYPE_CHECKING:

    class RiscvEnv(Env):
        """The CPU state, with a property for each field."""

        cpu: Cpu

else:
    RiscvEnv = env_class(LAYOUT, "RiscvEnv")
