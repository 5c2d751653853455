"""The x86-64 backend passes the conformance suite: blocks with hot registers, and native routines."""

from __future__ import annotations

from collections.abc import Sequence

from pytcg.backend.base import KIND_ACCESS_SHIFT, KIND_ATOMIC, KIND_PROBE, Status
from pytcg.backend.codebuffer import CodeBuffer
from pytcg.backend.x86_64.backend import X86Backend
from pytcg.backend.x86_64.runtime import Runtime
from pytcg.tcg.helpers import Action
from pytcg.tcg.ops import Op
from pytcg.tcg.regalloc import NATIVE_SPILLS, allocate
from pytcg.tcg.state import ADDEND, NUM_MMU_MODES, READ, WRITE
from tests.backend.conformance import Conformance
from tests.backend.machine_code import HOT
from tests.backend.target import DEVICE, HELPERS, INTERRUPT, LAYOUT, LOOKUP, PAGE, PC, RAM, RAM_ADDRESS, Target, words

MODE = 1


class MachineCode(Target):
    """Blocks as machine code; Python does what machine code leaves to it as the CPU loop does."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = CodeBuffer(1 << 20)
        self.backend = X86Backend(LAYOUT, HOT)
        self.runtime = Runtime(self.backend, self.buffer)
        self.runtime.install(self.env)
        env = self.env
        for mode in range(NUM_MMU_MODES):
            for access in (READ, WRITE):
                for page in range(RAM, DEVICE, PAGE):
                    at = env.tlb_entry(mode, access, page)
                    env.words[at : at + ADDEND + 1] = words((page, PAGE - 7, RAM_ADDRESS - RAM))
        self.runs_done = 0

    def execute(self, ops: Sequence[Op], temps: int, page_offset: int) -> int:
        env, address, runtime = self.env, self.env.address, self.runtime
        self.runs_done += 1
        if self.runs_done % 2:  # half of the runs find slots as those before left them
            env.slots[:] = words((0,) * len(env.slots))
        block = self.backend.emit(allocate(list(ops), temps, self.backend.temp_pool), page_offset, MODE)
        self.buffer.reset(runtime.end)
        status = runtime.enter(address, runtime.place(block.blob, block.entry, PC + page_offset))
        while True:
            if status == Status.HELPER:
                action = HELPERS[env.helper](env)
                if action != Action.CONTINUE:
                    return self.go_on() if action == Action.JUMP else INTERRUPT
            elif status == Status.MEMORY:
                if not self.access():
                    return self.go_on()
            else:
                return LOOKUP if status == Status.CHAIN else status
            status = runtime.resume(address)

    def go_on(self) -> int:
        """After an exception, the search for a block looks at env.irq first."""
        return INTERRUPT if self.env.irq else LOOKUP

    def access(self) -> bool:
        """The access that machine code could not do; False: it faulted."""
        env, memory = self.env, self.memory
        kind, address, insn_pc = env.mem_kind, env.mem_addr, env.insn_pc
        mop, access = kind & (1 << KIND_ACCESS_SHIFT) - 1, kind >> KIND_ACCESS_SHIFT & 1
        if kind & KIND_PROBE:
            return memory.probe(env, address, mop, access, insn_pc)
        if kind & KIND_ATOMIC:
            env.addend = RAM_ADDRESS - RAM
            return memory.atomic(env, address, lambda old: old, mop, insn_pc) is not None
        if access == WRITE:
            if not memory.store(env, address, env.mem_value, mop, insn_pc):
                return False
        else:
            loaded = memory.load(env, address, mop, insn_pc)
            if loaded is None:
                return False
            env.buffer[0] = loaded
        env.addend = env.address + LAYOUT.offset["buffer"] - address
        return True


class NativeCode(Target):
    """Native routines as machine code, without hot registers."""

    native = True

    def __init__(self) -> None:
        super().__init__()
        self.buffer = CodeBuffer(1 << 20)
        self.runtime = Runtime(X86Backend(LAYOUT, HOT), self.buffer)
        self.runtime.install(self.env)
        self.backend = X86Backend(LAYOUT, ())

    def execute(self, ops: Sequence[Op], temps: int, page_offset: int) -> int:
        allocated = allocate(list(ops), temps, self.backend.native_pool, NATIVE_SPILLS)
        block = self.backend.emit(allocated, page_offset, 0)
        self.buffer.reset(self.runtime.end)
        self.env.natives[0] = self.runtime.place(block.blob, block.entry, PC + page_offset)
        return self.runtime.call(self.env.address, 0)


class TestMachineCode(Conformance):
    targets = (MachineCode, NativeCode)
