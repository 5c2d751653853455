"""vCPUs with RAM, ROM and a device, of the pieces that machines are made of: machine code or the interpreter."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.machinecode import MachineCodeCpu
from pytcg.exec.processors import Processors
from pytcg.frontend.riscv.bits import PMP_A_SHIFT, PMP_NAPOT, PMP_RWX, PTE_A, PTE_D, PTE_R, PTE_V, PTE_W, PTE_X
from pytcg.frontend.riscv.flush import flush_everything
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.isa import configure
from pytcg.frontend.riscv.pmp import PMP_ADDRESS, write_address, write_config
from pytcg.frontend.riscv.status import update_flags
from pytcg.softmmu.regions import AddressSpace, Io, Ram, Rom
from pytcg.tcg.helpers import Action, Helper
from tests.exec.riscv import WFI, code

BACKENDS = ("x86_64", "tci")
RAM, RAM_SIZE, ROM, SRAM, DEVICE = 0x80000000, 1 << 20, 0x1000, 0x8000000, 0x10000000
PAGE = 4096
#: where programs lie, what they work on, where traps go, and page tables
PROGRAM, DATA, HANDLER, ROOT = RAM, RAM + 0x20000, RAM + 0x40000, RAM + 0x50000
FS_INITIAL, LEAF, SV39 = 1 << 13, PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D, 8 << 60
U, S, M = 0, 1, 3


class Registers:
    """A device that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[tuple[int, int, int]] = []

    def read(self, offset: int, size: int) -> int:
        return 0x1122334455667788 >> 8 * offset & (1 << 8 * size) - 1

    def write(self, offset: int, size: int, value: int) -> None:
        self.written.append((offset, size, value))


class Board:
    """Harts in M-mode, the first of them chosen; a trap leads to the wfi at HANDLER, which ends `run`."""

    def __init__(
        self,
        backend: str = "x86_64",
        code_bytes: int = 4 << 20,
        counted: bool = False,
        cache_directory: Path | None = None,
        harts: int = 1,
    ) -> None:
        self.ram = Ram("ram", RAM, RAM_SIZE)
        self.rom = Rom("rom", ROM, 2 * PAGE)
        self.device = Registers()
        memory = AddressSpace()
        for region in (self.ram, self.rom, Ram("sram", SRAM, 2 * PAGE), Io("device", DEVICE, PAGE, self.device)):
            memory.add(region)
        loop = self.loop = EventLoop()
        self.processors = Processors(
            RiscvGuest(configure("rv64")),
            memory,
            self.ram,
            loop,
            loop.lock,
            harts,
            10_000_000,
            backend,
            counted=counted,
            code_bytes=code_bytes,
            cache_directory=cache_directory,
        )
        self.engine, self.stats = self.processors.engine, self.processors.stats
        self.code, self.slow = self.engine.code, self.engine.slow
        for hart in reversed(range(harts)):
            self.choose(hart)
            self.cpu.reset(PROGRAM)
            self.env.mtvec, self.env.mstatus = HANDLER, FS_INITIAL
            write_address(self.env, 0, PMP_ADDRESS)
            write_config(self.env, 0, PMP_NAPOT << PMP_A_SHIFT | PMP_RWX)
            self.enter(M)
        self.write(HANDLER, code(WFI))

    def choose(self, hart: int) -> None:
        """What follows is about another hart."""
        self.cpu = self.processors.cpus[hart]
        self.env = self.cpu.env

    def write(self, physical: int, data: bytes) -> None:
        """Put bytes into RAM as a guest's stores would, page by page."""
        for at in range(0, len(data), PAGE):
            self.slow.write_physical(physical + at, data[at : at + PAGE])

    def read(self, physical: int, size: int = 8) -> int:
        """A value in RAM."""
        at = physical - RAM
        return int.from_bytes(self.ram.buffer[at : at + size], "little")

    def enter(self, privilege: int, pc: int = PROGRAM) -> None:
        """Put the hart into a privilege, at a pc."""
        self.env.priv, self.env.pc = privilege, pc
        update_flags(self.env)

    def map(self, virtual: int, physical: int, bits: int = LEAF) -> None:
        """Map a page of the first 2 MiB under Sv39, which is on from then."""
        for table in (ROOT, ROOT + PAGE):
            self.write(table, (table + PAGE >> 2 | PTE_V).to_bytes(8, "little"))
        self.write(ROOT + 2 * PAGE + (virtual >> 12) * 8, (physical >> 2 | bits).to_bytes(8, "little"))
        self.env.satp = SV39 | ROOT >> 12
        flush_everything(self.env)
        update_flags(self.env)

    def host(self, pc: int) -> int:
        """What the engine finds or makes for a pc; 0 where fetching raised an exception."""
        self.env.pc = pc
        host = 0
        while not host and self.env.pc == pc:
            if isinstance(self.cpu, MachineCodeCpu):
                action = self.cpu.host.runtime.call(self.env.address, Helper.LOOKUP)
                if action != Action.SLOW:
                    return int(self.env.ret) if action == Action.CONTINUE else 0
            host = self.engine.block_for(self.env)
        return host

    @property
    def distinct(self) -> tuple[int, int]:
        """How many blocks were translated or put together, and their instructions."""
        self.code.count()
        stats = self.stats
        return stats.distinct_blocks + stats.stitched_blocks, stats.distinct_insns + stats.stitched_insns

    def find(self, pc: int) -> int:
        """The placed block at a pc that is its physical address."""
        return self.code.find(pc, pc, self.env.flags & 0xFFF, 0)

    def run(self, *words: int, pc: int = PROGRAM) -> None:
        """Run a program, or what lies at `pc`, to its wfi."""
        if words:
            self.write(pc, code(*words))
        # the loop of the vCPU runs until it comes to a safe point for the second time
        self.cpu.safe_point = cycle((True, False)).__next__
        self.env.pc, self.env.halted = pc, 0
        self.cpu.run()
        assert self.env.halted

    @property
    def x(self) -> memoryview:
        """The integer registers."""
        return self.env.globals[:32]

    def trap(self) -> tuple[int, int, int]:
        """Cause, tval and pc of the last trap to M."""
        return self.env.mcause, self.env.mtval, self.env.mepc

    def cached(self, address: int, access: int, mode: int = M) -> bool:
        """Whether the TLB holds a page."""
        return self.env.translation(mode, access, address) is not None
