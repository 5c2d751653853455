"""Random guest programs that mean harm, for every privilege mode.

A program is an image for the start of RAM: each hart gets CSRs and registers from a pool of its own and goes on, in
some mode, with random words. They jump anywhere, write to their own code, page tables and devices, and drop
translations.
"""

from __future__ import annotations

import random
from functools import cache

from pytcg.frontend.riscv.bits import PTE_A, PTE_D, PTE_G, PTE_R, PTE_U, PTE_V, PTE_W, PTE_X
from pytcg.frontend.riscv.csr_table import CSRS
from tests.exec.riscv import (
    ECALL,
    FENCE_I,
    MRET,
    WFI,
    add,
    addi,
    auipc,
    bne,
    code,
    csrrs,
    csrrw,
    jal,
    jalr,
    load,
    lui,
    slli,
    store,
)
from tests.ladder.forms import Form, forms
from tests.ladder.generate import LOADS, STORES

RAM, RAM_SIZE = 0x80000000, 32 << 20
HARTS = 2
PAGE = 4096
#: from the start of RAM: pools of the harts, what they run, trap handlers, data, and page tables
POOLS, CODE, HANDLERS, DATA, TABLES, END = 0x1000, 0x10000, 0x14000, 0x18000, 0x20000, 0x30000
CODE_PAGES, TABLE_PAGES = 3, 8
SRET, SFENCE = 0x10200073, 0x12000073
MHARTID, MSTATUS, SATP, MEPC, SEPC, MTVEC, STVEC = 0xF14, 0x300, 0x180, 0x341, 0x141, 0x305, 0x105
PMPCFG0, PMPADDR0 = 0x3A0, 0x3B0
#: what is set before a program starts, in this order; pmpaddr1 to pmpaddr3 and pmpcfg0 keep random regions
SETTINGS = (
    *(MTVEC, STVEC, 0x302, 0x303, 0x304, 0x306, 0x106, 0x30A, 0x10A, 0x320, 0x340, 0x140, 0x14D, SEPC, SATP),
    *(PMPADDR0, PMPADDR0 + 1, PMPADDR0 + 2, PMPADDR0 + 3, PMPCFG0, MEPC, MSTATUS),
)
#: where devices of `virt` are, and what is beside memory
DEVICES = (0, 0x1000, 0x100000, 0x101000, 0x2000000, 0x2004000, 0x200BFF8, 0xC000000, 0xC200000, 0x10000000)
SLOTS = tuple(0x10001000 + 0x1000 * n for n in range(8))
OTHER = (0x10100000, 0x20000000, 0x22000000, RAM - 8, RAM + RAM_SIZE, 1 << 56, 1 << 38, (1 << 64) - (1 << 38))
MODES = (0, 8, 9, 10)
PRIVILEGES = (0, 1, 3)
SYSTEM = (MRET, SRET, SFENCE, SFENCE | 1 << 15, SFENCE | 1 << 20, FENCE_I, WFI, ECALL, 0x100073, 0x9002)


@cache
def accesses() -> list[Form]:
    """Instructions that reach memory by a register."""
    return [form for form in forms() if form.table in ("rv64a", "zicboz", "zicbom") or form.name in LOADS | STORES]


class Harm:
    """Makes programs."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def image(self) -> bytes:
        """What RAM starts with."""
        image = bytearray(END)
        self._put(image, 0, self._preamble())
        for hart in range(HARTS):
            words = [*(self._setting(csr) for csr in SETTINGS), *(self._address() for _ in range(31))]
            self._put(image, POOLS + hart * PAGE, b"".join(word.to_bytes(8, "little") for word in words))
        for page in range(CODE_PAGES):
            self._put(image, CODE + page * PAGE, self._code(PAGE))
        for at in range(HANDLERS, DATA, PAGE):
            self._put(image, at, self._handler())
        for at in range(TABLES, TABLES + TABLE_PAGES * PAGE, 8):
            self._put(image, at, self._entry().to_bytes(8, "little"))
        return bytes(image)

    def _put(self, image: bytearray, at: int, data: bytes) -> None:
        image[at : at + len(data)] = data

    def _preamble(self) -> bytes:
        """Loads the hart's pool: CSRs, then registers, and goes to mepc."""
        words = [auipc(30, 0), csrrs(31, MHARTID), slli(31, 31, 12), add(30, 30, 31), lui(31, POOLS), add(30, 30, 31)]
        for number, csr in enumerate(SETTINGS):
            words += [load(31, 30, 8 * number), csrrw(csr, 31)]
        first = 8 * len(SETTINGS)
        words += [load(register, 30, first + 8 * register - 8) for register in range(1, 32) if register != 30]
        return code(*words, load(30, 30, first + 8 * 29), MRET)

    def _setting(self, csr: int) -> int:
        """A value for a CSR."""
        rng = self.rng
        anything = rng.getrandbits(64)
        if csr in (MTVEC, STVEC):
            return RAM + rng.choice((HANDLERS, HANDLERS + PAGE, HANDLERS + 2 * PAGE)) + rng.choice((0, 0, 0, 1))
        if csr == SATP:
            return rng.choice(MODES) << 60 | rng.choice((0, 0, rng.getrandbits(16))) << 44 | self._frame(TABLES)
        if csr in (MEPC, SEPC):
            return RAM + CODE + rng.choice((0, 4, PAGE - 4, PAGE - 2, rng.randrange(PAGE) & -2))
        if csr == MSTATUS:
            return anything & ~(3 << 11) & ~(rng.getrandbits(1) << 17) | rng.choice(PRIVILEGES) << 11 | 3 << 13
        if csr == PMPADDR0:
            return rng.choice(((1 << 54) - 1, (1 << 54) - 1, RAM >> 2 | (1 << 20) - 1, anything))
        if csr in range(PMPADDR0, PMPADDR0 + 16):
            return RAM + rng.randrange(END) >> 2
        if csr == PMPCFG0:
            rest = rng.choice((0, anything & 0x1F1F1F)) << 8
            return rest | rng.choice((0x1F, 0x1F, 0x1F, anything & 0xFF))
        return rng.choice((0, anything, (1 << 64) - 1))

    def _frame(self, start: int) -> int:
        return (RAM + start >> 12) + self.rng.randrange(TABLE_PAGES)

    def _entry(self) -> int:
        """A page-table entry: to a table, to a page of the program, to a superpage, or anything."""
        rng = self.rng
        kind = rng.randrange(8)
        if kind < 2:
            return self._frame(TABLES) << 10 | PTE_V
        flags = PTE_V | PTE_R | PTE_X | rng.choice((0, PTE_W)) | rng.choice((0, PTE_U)) | PTE_A | PTE_D
        if kind < 6:
            return (RAM + rng.randrange(0, END, PAGE)) >> 2 | flags ^ rng.choice((0, 0, 0, PTE_A, PTE_D, PTE_X, PTE_G))
        if kind == 6:
            return rng.choice((RAM, 0, 0x10000000, RAM - (2 << 20))) >> 2 | flags
        return rng.getrandbits(64)

    def _address(self) -> int:
        """A register's value: mostly an address at which something is to be broken."""
        rng = self.rng
        near = rng.choice((0, 0, 0, 4, 8, -1, -2, -4, -8, 1, 2, 0x30, 0x50, 0x70, 0xFFC, rng.randrange(-16, 16)))
        kind = rng.randrange(10)
        if kind < 3:
            return RAM + CODE + rng.choice((0, PAGE, 2 * PAGE, 3 * PAGE, rng.randrange(CODE_PAGES * PAGE) & -2)) + near
        if kind < 5:
            return RAM + TABLES + (rng.randrange(TABLE_PAGES * PAGE) & -8)
        if kind < 6:
            return RAM + DATA + rng.choice((0, PAGE, rng.randrange(2 * PAGE))) + near
        if kind < 8:
            return rng.choice((*DEVICES, *SLOTS, *OTHER)) + near & (1 << 64) - 1
        return rng.choice((rng.getrandbits(64), rng.getrandbits(12), rng.getrandbits(32), self._word()))

    def _code(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            word = self._word()
            data += word.to_bytes(4, "little")[: 4 if word & 3 == 3 else 2]
        return data[:size]

    def _word(self) -> int:
        """An instruction word, mostly a legal one."""
        rng = self.rng
        kind = rng.randrange(20)
        if kind < 9:
            return rng.choice(forms()).random(rng)
        if kind < 14:
            return rng.choice(accesses()).random(rng) & rng.choice((0xFFFFFFFF, 0x01FFFFFF, 0x000FFFFF))
        if kind < 15:
            return jal(rng.choice((0, 1)), rng.randrange(-64, 64) * 2)
        if kind < 17:
            return rng.choice(SYSTEM)
        if kind < 19:
            csr = rng.choice(tuple(CSRS))
            return (
                csr << 20
                | rng.getrandbits(5) << 15
                | rng.choice((1, 2, 3, 5, 6, 7)) << 12
                | rng.getrandbits(5) << 7
                | 0x73
            )
        return rng.getrandbits(32)

    def _handler(self) -> bytes:
        """Goes on after the instruction, or anywhere, or no further."""
        rng = self.rng
        words = {
            0: (csrrs(31, MEPC), addi(31, 31, rng.choice((2, 4, 4, 4, 8))), csrrw(MEPC, 31), MRET),
            1: (csrrs(31, SEPC), addi(31, 31, 4), csrrw(SEPC, 31), SRET),
            2: (jalr(0, rng.randrange(32)),),
            3: (WFI, jal(0, -4)),
            4: (csrrw(MEPC, rng.randrange(32)), MRET),
        }[rng.choice((0, 0, 0, 0, 1, 2, 3, 4))]
        return code(*words)


#: what `sane` leaves for each hart, from the start of RAM
ANSWERS = DATA


def sane() -> bytes:
    """An image that works: each hart counts by way of traps, and stores 1000 times its number plus one."""
    image = bytearray(END)
    program = code(
        *(auipc(5, 0), lui(6, HANDLERS), add(6, 5, 6), csrrw(MTVEC, 6), csrrs(7, MHARTID), addi(7, 7, 1)),
        *(addi(8, 0, 0), addi(9, 0, 1000)),
        *(add(8, 8, 7), ECALL, bne(9, 0, -8)),
        *(lui(6, ANSWERS), add(6, 5, 6), slli(7, 7, 3), add(6, 6, 7), store(8, 6, -8), WFI, jal(0, -4)),
    )
    image[: len(program)] = program
    handler = code(addi(9, 9, -1), csrrs(6, MEPC), addi(6, 6, 4), csrrw(MEPC, 6), MRET)
    image[HANDLERS : HANDLERS + len(handler)] = handler
    return bytes(image)


def answers(hart: int) -> bytes:
    """What `sane` leaves there."""
    return (1000 * (hart + 1)).to_bytes(8, "little")
