"""One vCPU with RAM and nothing else, on the pieces that machines are built of: machine code or the interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.processors import Processors
from pytcg.frontend.riscv.bits import (
    MSTATUS_FS,
    PMP_A_SHIFT,
    PMP_NAPOT,
    PMP_RWX,
    PRIV_M,
    PTE_A,
    PTE_D,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
)
from pytcg.frontend.riscv.flush import flush_everything
from pytcg.frontend.riscv.fpstate import read_fflags, write_fflags, write_frm
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.isa import configure
from pytcg.frontend.riscv.pmp import PMP_ADDRESS, write_address, write_config
from pytcg.frontend.riscv.status import update_flags
from pytcg.softmmu.regions import AddressSpace, Ram

BASE, SIZE = 0x40000000, 0x100000
PAGE = 4096
HANDLER, CODE, DATA, TABLES = BASE, BASE + 0x10000, BASE + 0x20000, BASE + 0x40000
CODE_PAGES, DATA_PAGES = 2, 4
WFI = 0x10500073
#: how the pages of code and data lie in physical memory where addresses are translated
FRAMES = {CODE: BASE + 0x31000, CODE + PAGE: BASE + 0x30000} | {
    DATA + n * PAGE: BASE + 0x38000 + (n * 3 + 1) % DATA_PAGES * PAGE for n in range(DATA_PAGES)
}
SV39 = 8 << 60
LEAF = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D
ENVIRONMENT = 0xF0
MODES = {"m": (3, False), "u": (0, False), "s39": (1, True), "u39": (0, True)}


@dataclass
class State:
    """What a program starts from and ends with. `trap`: cause and tval of what ended it."""

    x: list[int]
    f: list[int]
    frm: int
    fflags: int
    data: bytes
    pc: int
    trap: tuple[int, int] | None = None


class Board:
    """Programs lie at CODE and use DATA; what ends them traps to a wfi in M."""

    def __init__(self, backend: str, code_bytes: int = 16 << 20) -> None:
        self.ram = Ram("ram", BASE, SIZE)
        memory = AddressSpace()
        memory.add(self.ram)
        loop = EventLoop()
        machine = Processors(
            RiscvGuest(configure("max")),
            memory,
            self.ram,
            loop,
            loop.lock,
            1,
            10_000_000,
            backend,
            code_bytes=code_bytes,
        )
        self.engine, self.cpu = machine.engine, machine.cpus[0]
        # The loop of the vCPU runs until the first wfi.
        self.cpu.safe_point = cycle((True, False)).__next__
        env = self.env = self.cpu.env
        self.write(HANDLER, WFI.to_bytes(4, "little"))
        write_address(env, 0, PMP_ADDRESS)
        write_config(env, 0, PMP_NAPOT << PMP_A_SHIFT | PMP_RWX)
        env.mtvec = HANDLER
        env.menvcfg = env.menvcfg_mask
        env.senvcfg = ENVIRONMENT
        for user in (0, PTE_U):
            self._map(TABLES + (0x10000 if user else 0), LEAF | user)

    def _map(self, root: int, bits: int) -> None:
        """Sv39 tables at `root` for FRAMES, whose pages are in one gigabyte and 2 MiB."""
        entries = {root + (CODE >> 30 & 511) * 8: root + PAGE, root + PAGE + (CODE >> 21 & 511) * 8: root + 2 * PAGE}
        for place, table in entries.items():
            self.write(place, (table >> 2 | PTE_V).to_bytes(8, "little"))
        for page, frame in FRAMES.items():
            self.write(root + 2 * PAGE + (page >> 12 & 511) * 8, (frame >> 2 | bits).to_bytes(8, "little"))

    def write(self, physical: int, data: bytes) -> None:
        """Store bytes within a page, as a guest would."""
        self.engine.slow.write_physical(physical, data)

    def run(self, mode: str, code: bytes, start: State) -> State:
        """The state at the trap that ends the program `code`, which lies at start.pc."""
        env = self.env
        priv, paged = MODES[mode]
        frames = FRAMES if paged else {page: page for page in FRAMES}
        root = TABLES + (0x10000 if priv == 0 else 0)
        satp = SV39 | root >> 12 if paged else 0
        if satp != env.satp:
            env.satp = satp
            flush_everything(env)
        buffer = self.ram.buffer
        for page in range(DATA, DATA + DATA_PAGES * PAGE, PAGE):
            at = frames[page] - BASE
            buffer[at : at + PAGE] = start.data[page - DATA : page - DATA + PAGE]
        first = min(len(code), PAGE - start.pc % PAGE)
        self.write(frames[start.pc & -PAGE] + start.pc % PAGE, code[:first])
        if code[first:]:
            self.write(frames[start.pc + first], code[first:])
        env.globals[:] = memoryview(b"".join(v.to_bytes(8, "little") for v in start.x + start.f)).cast("Q")
        env.mstatus = MSTATUS_FS
        env.priv, env.pc, env.mcause, env.res_addr = priv, start.pc, 0, (1 << 64) - 1
        write_frm(env, start.frm)
        write_fflags(env, start.fflags)
        update_flags(env)
        self.cpu.run()
        env.halted = 0
        assert env.priv == PRIV_M and env.pc == HANDLER + 4
        words = list(env.globals)
        data = b"".join(
            bytes(buffer[frames[page] - BASE : frames[page] - BASE + PAGE])
            for page in range(DATA, DATA + DATA_PAGES * PAGE, PAGE)
        )
        return State(words[:32], words[32:], env.frm, read_fflags(env), data, env.mepc, (env.mcause, env.mtval))
