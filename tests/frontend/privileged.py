"""A hart with RAM, page tables and the privileged architecture, for tests."""

from __future__ import annotations

import ctypes
from typing import Any

from pytcg.backend.tci.interpreter import TciBackend
from pytcg.frontend.riscv.bits import (
    MSTATUS_MPP_SHIFT,
    PMP_A_SHIFT,
    PMP_NAPOT,
    PMP_RWX,
    PTE_A,
    PTE_D,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
)
from pytcg.frontend.riscv.decoding import translator
from pytcg.frontend.riscv.helpers import HELPERS
from pytcg.frontend.riscv.interrupts import deliver, update_pending
from pytcg.frontend.riscv.isa import configure
from pytcg.frontend.riscv.mmu import helper_tlb_miss
from pytcg.frontend.riscv.pmp import PMP_ADDRESS, write_address, write_config
from pytcg.frontend.riscv.reset import reset
from pytcg.frontend.riscv.state import LAYOUT, RiscvEnv
from pytcg.frontend.riscv.status import update_flags
from pytcg.native.intrinsics import clock
from pytcg.softmmu.regions import AddressSpace, Ram, Rom
from pytcg.tcg.verify import verify
from tests.frontend.hart import Memory

RAM, RAM_SIZE, ROM = 0x80000000, 1 << 20, 0x1000
ROOT, PC = RAM + 0x10000, 0x4000
LEAF = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D
USER = LEAF | PTE_U
U, S, M = 0, 1, 3
NOP = 0x13


class Hart:
    """One hart in S with all of memory allowed by PMP, no translation, and traps to mtvec 0x100 or stvec 0x200."""

    def __init__(self, cpu: str = "rv64") -> None:
        self.isa = configure(cpu)
        self.ram = Ram("ram", RAM, RAM_SIZE)
        self.memory = AddressSpace()
        self.memory.add(self.ram)
        self.memory.add(Rom("rom", ROM, 0x2000))
        self.code_map = (ctypes.c_uint8 * (RAM_SIZE >> 12))()
        self.env: Any = RiscvEnv(LAYOUT)
        env = self.env
        env.cpu = self
        env.ram_start, env.ram_end, env.ram_addend = RAM, RAM + RAM_SIZE, self.ram.host - RAM
        env.code_map = ctypes.addressof(self.code_map)
        reset(env, self.isa, 0, PC)
        write_address(env, 0, PMP_ADDRESS)
        write_config(env, 0, PMP_NAPOT << PMP_A_SHIFT | PMP_RWX)
        env.mtvec, env.stvec = 0x100, 0x200
        self.next_table = ROOT + 0x1000
        self.enter(S)

    def enter(self, priv: int, pc: int = PC, **fields: int) -> None:
        """Put the hart into a privilege, with CPU state fields as given."""
        for name, value in fields.items():
            setattr(self.env, name, value)
        self.env.priv, self.env.pc, self.env.insn_pc = priv, pc, pc
        update_pending(self.env)
        update_flags(self.env)

    # memory

    def read(self, address: int) -> int:
        return self.memory.read(address, 8)

    def write(self, address: int, value: int) -> None:
        at = address - RAM
        self.ram.buffer[at : at + 8] = value.to_bytes(8, "little")

    def entry(self, levels: int, va: int, level: int = 0) -> int:
        """Address of the page-table entry of a level for `va`; tables that are missing on the way are made."""
        table = ROOT
        for above in range(levels - 1, level, -1):
            place = table + (va >> 12 + 9 * above & 511) * 8
            if not self.read(place):
                self.write(place, self.next_table >> 2 | PTE_V)
                self.next_table += 0x1000
            table = self.read(place) >> 10 << 12
        return table + (va >> 12 + 9 * level & 511) * 8

    def map(self, va: int, pa: int, bits: int = LEAF, levels: int = 3, level: int = 0) -> int:
        """Map a page or superpage under satp of Sv39 (levels 3), Sv48 or Sv57; the address of its entry."""
        self.env.satp = levels + 5 << 60 | ROOT >> 12
        place = self.entry(levels, va, level)
        self.write(place, pa >> 2 | bits)
        return place

    # the TLB

    def miss(self, address: int, access: int, mode: int) -> int:
        """What machine code does on a TLB miss."""
        self.env.arg[0], self.env.arg[1], self.env.arg[2] = address, access, mode
        return helper_tlb_miss(self.env)

    def cached(self, address: int, access: int, mode: int) -> int | None:
        """The addend in the TLB for an address."""
        addend: int | None = self.env.translation(mode, access, address)
        return addend

    def translation_through(self, page: int, address: int, access: int, mode: int) -> int | None:
        """The addend for an address in the TLB entry that is found by a page."""
        at = self.env.tlb_entry(mode, access, page)
        first, limit, addend = self.env.words[at : at + 3]
        return addend if (address - first) % 2**64 < limit else None

    # traps

    def trap(self) -> tuple[int, int, int, int, int]:
        """After a trap: privilege it was taken to, pc, saved pc, cause and tval."""
        env = self.env
        if env.priv == S:
            return S, env.pc, env.sepc, env.scause, env.stval
        return M, env.pc, env.mepc, env.mcause, env.mtval

    def pend(self, mask: int) -> int:
        """Raise lines, and take an interrupt if one is enabled."""
        self.env.mip_lines |= mask
        update_pending(self.env)
        return deliver(self.env)

    # instructions

    def run(self, *words: int, pc: int = PC) -> int:
        """Execute instructions that form one block at `pc`; the pc afterwards. The ops are verified."""
        code = b"".join(word.to_bytes(4, "little") for word in words)
        ops = translator(self.isa).translate(memoryview(code).cast("H"), 0, self.env.flags)
        verify(ops.ops, ops.temps)
        helpers: list[Any] = HELPERS
        TciBackend(LAYOUT, Memory(lambda cause, tval: None), helpers, clock).run_block(self.env, ops.ops, pc)
        return int(self.env.pc)

    def csr(self, funct3: int, number: int, rd: int = 0, rs1: int = 0) -> int:
        """Execute a Zicsr instruction."""
        return self.run(csr_word(funct3, number, rd, rs1))


def csr_word(funct3: int, number: int, rd: int = 0, rs1: int = 0) -> int:
    """A Zicsr instruction; rs1 may be an immediate."""
    return number << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73


def mpp(priv: int) -> int:
    """mstatus with MPP."""
    return priv << MSTATUS_MPP_SHIFT
