"""Where blocks become something that runs: host machine code, or functions of the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from pytcg.backend.base import HostBlock
from pytcg.backend.codebuffer import CodeBuffer
from pytcg.backend.tci.interpreter import CompiledBlock, TciBackend
from pytcg.backend.x86_64.backend import X86Backend
from pytcg.backend.x86_64.runtime import Runtime
from pytcg.native import NativeFunction
from pytcg.native.compiler import compile_native
from pytcg.tcg.ops import Op
from pytcg.tcg.regalloc import NATIVE_SPILLS, allocate
from pytcg.tcg.state import WORD, Env, Layout

Code = TypeVar("Code")


class Host(Protocol, Generic[Code]):
    """What the translator and the code cache ask of a backend. `Code`: a block that may be placed anywhere."""

    #: operands for temporaries
    temp_pool: tuple[int, ...]

    def emit(self, ops: list[Op], page_offset: int, mode: int) -> Code:
        """Make host code of allocated ops."""

    def size(self, code: Code) -> int:
        """Bytes that the code takes."""

    def has_room(self, code: Code) -> bool:
        """Whether `place` would succeed."""

    def place(self, code: Code, pc: int) -> int:
        """Place a block for a guest pc: its host address, never 0."""

    def kill(self, address: int) -> None:
        """Make sure that a placed block does not run again."""

    def reset(self) -> None:
        """Drop all placed blocks."""


class MachineCodeHost:
    """Blocks as x86-64 machine code in W^X code memory, with the runtime and the compiled helpers at its start."""

    def __init__(self, layout: Layout, hot_registers: Sequence[int], size: int) -> None:
        self.layout = layout
        self.backend = X86Backend(layout, hot_registers)
        self.buffer = CodeBuffer(size)
        self.runtime = Runtime(self.backend, self.buffer)
        self.temp_pool = self.backend.temp_pool
        self.emit = self.backend.emit
        self.natives: dict[int, int] = {}
        self.start = self.buffer.position

    def compile_helpers(self, helpers: Sequence[Callable[[Env], int]]) -> None:
        """Compile those helpers that are native routines."""
        backend = X86Backend(self.layout, ())
        for number, helper in enumerate(helpers):
            if isinstance(helper, NativeFunction):
                ops, temps = compile_native(helper, self.layout)
                code = backend.emit(allocate(ops, temps, backend.native_pool, NATIVE_SPILLS), 0, 0)
                self.natives[number] = self.runtime.place(code.blob, code.entry, 0)
        self.start = self.buffer.position

    def attach(self, env: Env) -> None:
        """Make a vCPU's state ready for machine code."""
        self.runtime.install(env)
        first = env.index + self.layout.offset["natives"] // WORD
        for number, address in self.natives.items():
            env.words[first + number] = address

    def size(self, code: HostBlock) -> int:
        return len(code.blob)

    def has_room(self, code: HostBlock) -> bool:
        return self.buffer.position + len(code.blob) + 64 <= self.buffer.size

    def place(self, code: HostBlock, pc: int) -> int:
        return self.runtime.place(code.blob, code.entry, pc)

    def kill(self, address: int) -> None:
        self.runtime.kill_block(address)

    def reset(self) -> None:
        self.buffer.reset(self.start)


class InterpreterHost:
    """Blocks as functions of the interpreter; their addresses are numbers of our own."""

    def __init__(self, backend: TciBackend) -> None:
        self.backend = backend
        self.temp_pool = backend.temp_pool
        self.blocks: list[tuple[CompiledBlock, int]] = []

    def emit(self, ops: list[Op], page_offset: int, mode: int) -> CompiledBlock:
        return self.backend.compile(ops)

    def size(self, code: CompiledBlock) -> int:
        return 0

    def has_room(self, code: CompiledBlock) -> bool:
        return True

    def place(self, code: CompiledBlock, pc: int) -> int:
        self.blocks.append((code, pc))
        return len(self.blocks)

    def kill(self, address: int) -> None:
        """Nothing to do: every block is looked up before it runs."""

    def reset(self) -> None:
        self.blocks.clear()
