"""A hart for tests: one instruction at a time through the translator and the interpreter, without MMU and CSRs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytcg.backend.tci.interpreter import TciBackend
from pytcg.frontend.riscv.bits import CAUSE_LOAD_MISALIGNED, CAUSE_STORE_MISALIGNED
from pytcg.frontend.riscv.decoding import translator
from pytcg.frontend.riscv.helpers import RiscvHelper
from pytcg.frontend.riscv.isa import configure
from pytcg.frontend.riscv.state import LAYOUT, RiscvEnv
from pytcg.tcg.eval import extend
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import WRITE, Env
from pytcg.tcg.types import MASK64, MO_ALIGN
from pytcg.tcg.verify import verify

CODE, DATA, SIZE = 0x10000, 0x40000, 0x1000
#: FS on, privilege and data accesses of M
FLAGS = 0x1F
MSTATUS_FS_INITIAL = 1 << 13


class Memory:
    """Guest memory: SIZE bytes at DATA. What lies outside wraps around into it."""

    def __init__(self, trap: Callable[[int, int], None]) -> None:
        self.bytes = bytearray(SIZE)
        self.trap = trap

    def load(self, env: Env, address: int, mop: int, insn_pc: int) -> int | None:
        if not self._aligned(address, mop, CAUSE_LOAD_MISALIGNED):
            return None
        return extend(int.from_bytes(self._slice(address, mop), "little"), mop)

    def store(self, env: Env, address: int, value: int, mop: int, insn_pc: int) -> bool:
        size = 1 << (mop & 3)
        for at, byte in enumerate((value & (1 << 8 * size) - 1).to_bytes(size, "little"), address):
            self.bytes[at % SIZE] = byte
        return True

    def atomic(self, env: Env, address: int, update: Callable[[int], int], mop: int, insn_pc: int) -> int | None:
        if not self._aligned(address, mop, CAUSE_STORE_MISALIGNED):
            return None
        old = extend(int.from_bytes(self._slice(address, mop), "little"), mop | 4)
        self.store(env, address, update(old), mop, insn_pc)
        return old

    def probe(self, env: Env, address: int, mop: int, access: int, insn_pc: int) -> bool:
        return self._aligned(address, mop, CAUSE_STORE_MISALIGNED if access == WRITE else CAUSE_LOAD_MISALIGNED)

    def _slice(self, address: int, mop: int) -> bytes:
        return bytes(self.bytes[(address + at) % SIZE] for at in range(1 << (mop & 3)))

    def _aligned(self, address: int, mop: int, cause: int) -> bool:
        aligned = not mop & MO_ALIGN or not address & ((1 << (mop & 3)) - 1)
        if not aligned:
            self.trap(cause, address)
        return aligned


class Hart:
    """Runs instructions of one ISA configuration. `trap` is the last exception, as cause and tval."""

    def __init__(self, cpu: str = "rv64") -> None:
        self.translator = translator(configure(cpu))
        self.env: Any = RiscvEnv(LAYOUT)
        self.memory = Memory(self._trap)
        self.trap: tuple[int, int] | None = None
        helpers: list[Callable[[Any], int]] = [self._unexpected] * (max(RiscvHelper) + 1)
        helpers[RiscvHelper.RAISE] = self._raise
        helpers[RiscvHelper.CBO] = helpers[RiscvHelper.CBO_SLOW] = lambda env: Action.CONTINUE
        self.tci = TciBackend(LAYOUT, self.memory, helpers)
        self.reset()

    def reset(self) -> None:
        """Registers zero, memory zero, no reservation, rounding to nearest."""
        self.env.globals[:] = memoryview(bytes(64 * 8)).cast("Q")
        self.memory.bytes[:] = bytes(SIZE)
        self.env.res_addr = MASK64
        self.env.mxcsr = 0x1F80
        self.env.fflags = 0
        self.env.mstatus = MSTATUS_FS_INITIAL

    def run(self, *words: int, flags: int = FLAGS, pc: int = CODE) -> int:
        """Execute instructions that form one block at `pc`, and return the pc afterwards. The ops are verified."""
        code = b"".join(word.to_bytes(4 if word & 3 == 3 else 2, "little") for word in words)
        translation = self.translator.translate(memoryview(code).cast("H"), 0, flags)
        verify(translation.ops, translation.temps)
        assert (translation.length, translation.insns) == (len(code), len(words))
        self.trap = None
        self.tci.run_block(self.env, translation.ops, pc)
        return int(self.env.pc)

    def x(self, number: int, value: int | None = None) -> int:
        """Read an integer register, after writing it if there is a value."""
        if value is not None and number:
            self.env.globals[number] = value & MASK64
        return int(self.env.globals[number])

    def _trap(self, cause: int, tval: int) -> None:
        self.trap = cause, tval

    def _raise(self, env: Any) -> int:
        self._trap(env.arg[0], env.arg[1])
        return Action.JUMP

    def _unexpected(self, env: Any) -> int:
        raise AssertionError(f"helper {env.helper} called")
