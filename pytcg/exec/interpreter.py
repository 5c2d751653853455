"""The CPU loop over the interpreter of TCG ops, and guest memory as the interpreter reaches it."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from time import perf_counter_ns
from typing import Any

from pytcg.backend.base import Status
from pytcg.backend.tci.interpreter import CompiledBlock, TciBackend
from pytcg.exec.blocks.interpretedcache import InterpretedCache
from pytcg.exec.cpu import Cpu
from pytcg.exec.engine import Engine
from pytcg.exec.events.clock import Clock
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.virtualtime import VirtualTime
from pytcg.exec.parts import Parts
from pytcg.exec.translate import Translator
from pytcg.native.intrinsics import use_counter
from pytcg.tcg.eval import extend
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import READ, WRITE, Env
from pytcg.tcg.types import MASK64, MO_ALIGN, MO_MODE_SHIFT, MO_SIZE

PAGE_MASK = MASK64 & -4096


class TciMemory:
    """Guest memory for the interpreter: the TLB in the CPU state, then the slow path."""

    def __init__(self) -> None:
        #: set once the engine is there, which itself needs the interpreter
        self.engine: Engine[CompiledBlock]
        self.lock = RLock()

    def ram_offset(self, env: Env, address: int, mop: int, access: int) -> int:
        """Offset in main RAM of an access that lies in one page and that the TLB knows; -1 otherwise."""
        size = 1 << (mop & MO_SIZE)
        if (address & 4095) + size > 4096:
            return -1
        mode = mop >> MO_MODE_SHIFT & 3
        # more than once where another vCPU empties the TLB of stores meanwhile
        while (addend := env.translation(mode, access, address & PAGE_MASK)) is None:
            env.arg[0], env.arg[1], env.arg[2] = address, access, mode
            action = self.engine.tlb_miss(env)
            if action != Action.CONTINUE:
                return -1 if action != Action.JUMP else -2
        return (address + addend & MASK64) - self.engine.ram.host

    def load(self, env: Env, address: int, mop: int, insn_pc: int) -> int | None:
        env.insn_pc = insn_pc
        size = 1 << (mop & MO_SIZE)
        if mop & MO_ALIGN and address & size - 1:
            self.engine.guest.raise_misaligned(env, address, READ)
            return None
        at = self.ram_offset(env, address, mop, READ)
        if at >= 0:
            data: bytes | memoryview | None = self.engine.ram.buffer[at : at + size]
        elif at == -2:
            return None
        else:
            data = self.engine.slow.load(env, address, size, mop >> MO_MODE_SHIFT & 3)
        return None if data is None else extend(int.from_bytes(data, "little"), mop)

    def store(self, env: Env, address: int, value: int, mop: int, insn_pc: int) -> bool:
        env.insn_pc = insn_pc
        size = 1 << (mop & MO_SIZE)
        if mop & MO_ALIGN and address & size - 1:
            self.engine.guest.raise_misaligned(env, address, WRITE)
            return False
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        at = self.ram_offset(env, address, mop, WRITE)
        if at >= 0:
            self.engine.ram.buffer[at : at + size] = data
            return True
        return at != -2 and self.engine.slow.store(env, address, data, mop >> MO_MODE_SHIFT & 3)

    def atomic(self, env: Env, address: int, update: Callable[[int], int], mop: int, insn_pc: int) -> int | None:
        env.insn_pc = insn_pc
        size = 1 << (mop & MO_SIZE)
        with self.lock:
            if not self.engine.slow.open_atomic(env, address, size, mop >> MO_MODE_SHIFT & 3, WRITE):
                return None
            at = (address + env.addend & MASK64) - self.engine.ram.host
            buffer = self.engine.ram.buffer
            old = extend(int.from_bytes(buffer[at : at + size], "little"), mop | 4)
            buffer[at : at + size] = (update(old) & (1 << 8 * size) - 1).to_bytes(size, "little")
        return old

    def probe(self, env: Env, address: int, mop: int, access: int, insn_pc: int) -> bool:
        env.insn_pc = insn_pc
        return self.engine.slow.probe(env, address, mop >> MO_MODE_SHIFT & 3, access)


class InterpreterCpu(Cpu):
    """A vCPU that interprets TCG ops."""

    def __init__(
        self,
        engine: Engine[CompiledBlock],
        cache: InterpretedCache,
        clock: Clock,
        loop: EventLoop | VirtualTime,
        index: int,
    ) -> None:
        self.cache = cache
        super().__init__(engine, clock, loop, index)

    def run(self) -> None:
        env: Any = self.env
        engine, blocks, interrupt = self.engine, self.cache.blocks, self.guest.interrupt
        while self.safe_point():
            while True:
                number = engine.block_for(env)
                if not number:
                    if env.irq and interrupt(env) == Action.EXIT:
                        break
                    continue
                block, pc = blocks[number - 1]
                status = block(env, pc)
                self.print_traps()
                if status == Status.INTERRUPT and (env.halted or interrupt(env) == Action.EXIT):
                    break


def build(parts: Parts) -> tuple[Engine[CompiledBlock], Clock, list[InterpreterCpu]]:
    """vCPUs that interpret, and what they share."""
    memory = TciMemory()
    tci = TciBackend(parts.guest.layout, memory, parts.helpers)
    cache = InterpretedCache(parts.ram, parts.stats)
    translator = Translator(parts.guest, lambda ops, *_: tci.compile(ops), tci.temp_pool, parts.stats, parts.block_log)
    engine = memory.engine = Engine(parts, translator, cache)
    if parts.virtual:
        use_counter(parts.virtual.count)
        clock: Clock = parts.virtual.clock
    else:
        use_counter(perf_counter_ns)
        clock = Clock(perf_counter_ns, timebase_hz=parts.timebase_hz)
    return engine, clock, [InterpreterCpu(engine, cache, clock, parts.loop, n) for n in range(parts.count)]
