"""The programs of the benchmark initrd that are plain user code, under Unicorn: the same ELF file, without a kernel.

The few system calls that such a program makes are answered here: memory is handed out from one arena, and what it
prints tells where it begins and ends.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterable
from pathlib import Path

import unicorn
from unicorn import riscv_const

from benchmarks.sample import Sample, Samples
from pytcg.machine.boot.elf import read_elf

#: programs that compute, and ask the kernel for memory at most
PLAIN = ("integer", "matrix", "nbody", "copy", "string", "sha256", "interpreter", "calls", "chase")
PAGE = 4096
STACK, STACK_SIZE = 0x7000_0000, 1 << 20
ARENA, ARENA_SIZE = 0x1_0000_0000, 256 << 20
#: mstatus.FS, without which floating-point instructions are illegal
FS = 3 << 13
MSTATUS, SP, A0, A1, A2, A7 = (
    getattr(riscv_const, f"UC_RISCV_REG_{name}") for name in ("MSTATUS", "SP", "A0", "A1", "A2", "A7")
)
#: Linux's numbers (include/uapi/asm-generic/unistd.h)
WRITE, WRITEV, CLOCK_GETTIME, REBOOT, MUNMAP, BRK, MMAP = 64, 66, 113, 142, 215, 214, 222
AUXV_PAGE_SIZE = 6


class UserMode:
    """A static program for Linux in a Unicorn of its own."""

    def __init__(self, program: Path, arguments: Iterable[str]) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
        elf = read_elf(program.read_bytes())
        start = min(part.address for part in elf.segments) & -PAGE
        end = max(part.address + part.size for part in elf.segments)
        self.uc.mem_map(start, -(-(end - start) // PAGE) * PAGE)
        for part in elf.segments:
            self.uc.mem_write(part.address, bytes(part.data))
        self.uc.mem_map(STACK - STACK_SIZE, STACK_SIZE)
        self.uc.mem_map(ARENA, ARENA_SIZE)
        self.free = ARENA
        self.entry = elf.entry
        self.uc.reg_write(SP, self._arguments(list(arguments)))
        self.uc.reg_write(MSTATUS, self.uc.reg_read(MSTATUS) | FS)
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self._interrupt)
        self.text = ""
        #: CPU and wall seconds at the end of each line
        self.marks: list[tuple[float, float]] = []

    def _arguments(self, words: list[str]) -> int:
        """Put argc, argv, an empty environment and the auxiliary vector onto the stack: the stack pointer."""
        strings = [word.encode() + b"\0" for word in words]
        at = [STACK - sum(map(len, strings[n:])) for n in range(len(strings))]
        vector = [len(words), *at, 0, 0, AUXV_PAGE_SIZE, PAGE, 0, 0]
        pointer = (STACK - sum(map(len, strings)) - 8 * len(vector)) & -16
        self.uc.mem_write(pointer, struct.pack(f"<{len(vector)}Q", *vector))
        self.uc.mem_write(STACK - sum(map(len, strings)), b"".join(strings))
        return pointer

    def run(self) -> None:
        """Run until the program asks for the power to be switched off."""
        self.uc.emu_start(self.entry, 0)

    def _interrupt(self, uc: unicorn.Uc, number: int, data: object) -> None:
        call, first, second, third = (uc.reg_read(register) for register in (A7, A0, A1, A2))
        result = 0
        if call == WRITEV:
            for n in range(third):
                address, length = struct.unpack("<QQ", uc.mem_read(second + 16 * n, 16))
                result += self._print(address, length)
        elif call == WRITE:
            result = self._print(second, third)
        elif call == CLOCK_GETTIME:
            now = time.monotonic_ns()
            uc.mem_write(second, struct.pack("<QQ", now // 1_000_000_000, now % 1_000_000_000))
        elif call == MMAP:
            result, self.free = self.free, self.free + -(-second // PAGE) * PAGE
        elif call == MUNMAP:
            # what is mapped anew is to be zero
            uc.mem_write(first, bytes(second))
            self.free = first if first + second == self.free else self.free
        elif call == REBOOT:
            uc.emu_stop()
        uc.reg_write(A0, result)

    def _print(self, address: int, length: int) -> int:
        text = self.uc.mem_read(address, length).decode()
        self.text += text
        self.marks += [(time.process_time(), time.monotonic())] * text.count("\n")
        return length


def samples(program: Path, wanted: Iterable[str] = ()) -> Samples:
    """The figures of those of the programs `wanted` (all, where none is named) that are plain: NAME or NAME:TIMES."""
    found = {}
    for word in list(wanted) or PLAIN:
        name = word.partition(":")[0]
        if name in PLAIN:
            guest = UserMode(program, ["bench", word])
            guest.run()
            result = re.search(rf"^{name} (\d+) ([0-9a-f]{{16}})$", guest.text, re.MULTILINE)
            assert result
            (begin_cpu, begin), (end_cpu, end) = guest.marks
            found[name] = Sample(end_cpu - begin_cpu, end - begin, int(result[1]), result[2])
    return found
