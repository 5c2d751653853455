"""What the tests of the x86-64 backend share: a machine that runs ops as host code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytcg.backend.base import HostBlock
from pytcg.backend.codebuffer import CodeBuffer
from pytcg.backend.x86_64.backend import X86Backend
from pytcg.backend.x86_64.runtime import Runtime
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import HOST_REG, NUM_SPILLS, SPILL, Layout, env_class
from pytcg.tcg.types import Type

MOV, EXIT = code("mov", Type.I64), code("exit_tb")
HOT = (15, 2, 14, 10, 8, 13, 11, 1, 12, 9)
PC = 0x8000_0000
#: spill slots that carry host registers into and out of a run
CARRY = SPILL + NUM_SPILLS - 16


class Machine:
    """One env, one code buffer, one backend."""

    def __init__(self, hot: Sequence[int] = HOT) -> None:
        self.layout = Layout()
        self.env: Any = env_class(self.layout)(self.layout)
        self.buffer = CodeBuffer(16 << 20)
        self.backend = X86Backend(self.layout, hot)
        self.runtime = Runtime(self.backend, self.buffer)
        self.runtime.install(self.env)

    def get(self, operand: int) -> int:
        if HOST_REG <= operand < SPILL:
            operand += CARRY - HOST_REG
        value: int = self.env.words[self.env.index + self.layout.operand(operand) // 8]
        return value

    def set(self, operand: int, value: int) -> None:
        if HOST_REG <= operand < SPILL:
            operand += CARRY - HOST_REG
        self.env.words[self.env.index + self.layout.operand(operand) // 8] = value & (2**64 - 1)

    def place(self, block: HostBlock, pc: int = PC) -> int:
        return self.runtime.place(block.blob, block.entry, pc)

    def run(self, ops: Sequence[Op], host_registers: Sequence[int] = ()) -> int:
        """Run ops with some host registers loaded before and stored after; the status of the exit."""
        before = [(MOV, n, CARRY - HOST_REG + n) for n in host_registers]
        after = [(MOV, CARRY - HOST_REG + n, n) for n in host_registers]
        block = self.backend.emit([*before, *ops, *after, (EXIT, 0)], 0, 0)
        self.buffer.reset(self.runtime.end)
        status: int = self.runtime.enter(self.env.address, self.place(block))
        return status
