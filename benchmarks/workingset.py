"""Very many distinct blocks: what each keeps resident, and what flushing and invalidating cost.

    python -m benchmarks.workingset [BLOCKS]

The guest is a chain of blocks of three instructions, no two of them alike, run from end to end: to translate them all,
then to find them again. "Python" is the anonymous memory that is neither guest RAM nor a table or template.
"""

from __future__ import annotations

import argparse
import re
import struct
from itertools import cycle
from pathlib import Path
from time import perf_counter, process_time

from pytcg.exec.blocks.machinecache import MachineCodeCache
from pytcg.exec.blocks.table import ENTRY, USED
from pytcg.exec.cpu import Cpu
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.processors import Processors
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.isa import configure
from pytcg.softmmu.regions import AddressSpace, Ram

BASE, PAGE, BLOCK_BYTES = 0x80000000, 4096, 12
LUI_X5, ADDI_X6_X5, JUMP, WFI = 0x2B7, 0x28313, 0x0040006F, 0x10500073
MIB = 1 << 20


def program(blocks: int) -> bytes:
    """lui x5, N; addi x6, x5, N's low bits; j to the next block. The last is a wfi."""
    words = struct.pack(
        f"<{3 * blocks}I",
        *(word for n in range(blocks) for word in (LUI_X5 | (n & 0xFFFFF) << 12, ADDI_X6_X5 | (n >> 8) << 20, JUMP)),
    )
    return words + struct.pack("<I", WFI)


def resident(kind: str) -> float:
    """MiB of a kind in /proc/self/status, such as RssAnon."""
    match = re.search(rf"{kind}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


class WorkingSet:
    """A hart in M-mode with the program in RAM."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.ram = Ram("ram", BASE, -(-(blocks * BLOCK_BYTES + 4) // PAGE) * PAGE)
        memory = AddressSpace()
        memory.add(self.ram)
        memory.load(BASE, program(blocks))
        loop = EventLoop()
        self.processors = Processors(RiscvGuest(configure("rv64")), memory, self.ram, loop, loop.lock, 1, 10_000_000)
        self.cpu = self.processors.cpus[0]
        self.cpu.reset(BASE)
        code = self.processors.engine.code
        assert isinstance(code, MachineCodeCache)
        self.code = code

    def run(self) -> float:
        """Run from end to end; the CPU seconds that it took."""
        # the loop of the vCPU runs until it comes to a safe point for the second time
        setattr(self.cpu, Cpu.safe_point.__name__, cycle((True, False)).__next__)
        self.cpu.env.pc, self.cpu.env.halted = BASE, 0
        begin = process_time()
        self.cpu.run()
        return process_time() - begin

    def tables_mib(self) -> float:
        """Tables and templates in use."""
        table = self.code.table
        words = len(table.heads.words) + len(table.origins.words) + table.blocks.size + table.contents.size
        stitched = len(self.code.forms.made()) if self.code.forms else 0
        return (self.code.host.templates.end + stitched + table.counter(USED) * ENTRY + words * 8) / MIB


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workingset", description=(__doc__ or "").split(":")[0])
    parser.add_argument("blocks", nargs="?", type=int, default=1_000_000)
    blocks = parser.parse_args().blocks
    made = WorkingSet(blocks)
    anonymous, tables, whole = resident("RssAnon"), made.tables_mib(), resident("VmRSS")
    print(f"{blocks} blocks; translated in {made.run():.1f} CPU s")
    python = resident("RssAnon") - anonymous - (made.tables_mib() - tables)
    per_block = MIB / blocks
    print(
        f"resident a block: {(resident('VmRSS') - whole) * per_block:.0f} bytes, "
        f"of them tables and templates {(made.tables_mib() - tables) * per_block:.0f}, Python {python * per_block:.0f}"
    )
    made.cpu.env.empty_caches()
    print(f"run again: {made.run():.3f} CPU s")
    stats = made.processors.stats
    begin = perf_counter()
    made.code.store_into_code(BASE + 40 * PAGE, 4)
    one = perf_counter() - begin
    begin = perf_counter()
    made.code.store_into_code(BASE + 50 * PAGE, 4, everything=True)
    page = perf_counter() - begin
    begin = perf_counter()
    made.processors.flush()
    print(
        f"a store that kills a block: {one * 1e6:.0f} µs; all blocks of a page: {page * 1e6:.0f} µs; "
        f"a flush of all: {(perf_counter() - begin) * 1e3:.1f} ms"
    )
    print(f"run again: {made.run():.3f} CPU s; {stats.flushes} flushes, {stats.distinct_blocks} blocks translated")


if __name__ == "__main__":
    main()
