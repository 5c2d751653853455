"""The CPU loop over machine code: enter, and serve what machine code leaves for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter_ns

from pytcg.backend.base import KIND_ACCESS_SHIFT, KIND_ATOMIC, KIND_PROBE, Status
from pytcg.backend.codebuffer import CodeBuffer
from pytcg.backend.x86_64.backend import X86Backend, host_features
from pytcg.backend.x86_64.runtime import Runtime
from pytcg.exec.blocks.machinecache import MachineCodeCache
from pytcg.exec.blocks.store import TranslationStore, translator_key
from pytcg.exec.compiled import CompiledHelpers
from pytcg.exec.cpu import Cpu
from pytcg.exec.engine import Engine
from pytcg.exec.events.clock import Clock, calibrate, sample
from pytcg.exec.events.doorbell import Doorbell
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.virtualtime import VirtualTime
from pytcg.exec.host import MachineCodeHost
from pytcg.exec.parts import Parts
from pytcg.exec.translate import Translator
from pytcg.native.intrinsics import use_counter
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.state import EMPTY, WRITE
from pytcg.tcg.types import MO_ALIGN, MO_MODE_SHIFT, MO_SIZE

#: as plain numbers: the loop compares them each time that machine code is left
LOOKUP, CHAIN, MEMORY, HELPER = (int(status) for status in (Status.LOOKUP, Status.CHAIN, Status.MEMORY, Status.HELPER))
#: accesses that are not just a load or a store
SPECIAL = KIND_PROBE | KIND_ATOMIC | MO_ALIGN


class MachineCodeCpu(Cpu):
    """A vCPU that runs host machine code."""

    def __init__(
        self, engine: Engine[int], host: MachineCodeHost, clock: Clock, loop: EventLoop | VirtualTime, index: int
    ) -> None:
        self.host = host
        self.misses_are_native = Helper.TLB_MISS in host.helpers.addresses
        #: for --stats: when machine code was left last (ns), and why
        self.left = 0
        self.cause = ""
        super().__init__(engine, clock, loop, index)
        self.buffer = self.env.buffer
        self.buffer_address = self.env.address + self.env.layout.offset["buffer"]

    def reset(self, pc: int) -> None:
        super().reset(pc)
        self.host.attach(self.env)

    def ring(self, bits: int) -> None:
        self.host.runtime.ring(self.env.address, bits)

    @contextmanager
    def own_alarm(self) -> Iterator[None]:
        env = self.env
        if self.virtual:
            yield
            return
        with Doorbell(self.host.runtime.alarm_handler, env.address) as bell:
            env.alarm = bell.number + 1
            yield
            env.alarm = 0

    def run(self) -> None:
        env, engine, runtime = self.env, self.engine, self.host.runtime
        address, find = env.address, runtime.find
        enter, resume = runtime.enter, runtime.resume
        if engine.stats.timed:
            enter, resume = self._timed(enter), self._timed(resume)
        helpers = engine.helpers
        block_for = engine.block_for
        if not engine.stats.first_insn:
            engine.stats.first_insn = perf_counter_ns() - engine.stats.started
        if self.trap_log:
            enter, resume = self._logged(enter), self._logged(resume)
        while self.safe_point():
            status = enter(address, find)
            while True:
                if status == LOOKUP:
                    status = enter(address, block_for(env) or find)
                elif status == CHAIN:
                    status = enter(address, self.chain() or find)
                elif status == MEMORY:
                    status = resume(address) if self.finish_access() else enter(address, find)
                elif status == HELPER:
                    action = helpers[env.helper](env)
                    if action == Action.CONTINUE:
                        status = resume(address)
                    elif action == Action.EXIT:
                        break
                    else:
                        status = enter(address, find)
                else:
                    break

    def chain(self) -> int:
        """The block that an exit not chained yet goes to; the exit is patched. 0: look env.pc up."""
        env, code = self.env, self.engine.code
        resume, generation = env.resume, code.generation
        target = self.engine.block_for(env)
        if target and generation == code.generation:
            self.host.runtime.patch_exit(resume, target)
        return target

    def finish_access(self) -> bool:
        """Do the guest memory access that machine code could not; False when it raised a guest exception."""
        env, slow = self.env, self.engine.slow
        kind, address = env.mem_kind, env.mem_addr
        size = 1 << (kind & MO_SIZE)
        mode = kind >> MO_MODE_SHIFT & 3
        access = kind >> KIND_ACCESS_SHIFT & 1
        if kind & SPECIAL:
            if kind & KIND_PROBE:
                return slow.probe(env, address, mode, access)
            if kind & KIND_ATOMIC or address & size - 1:
                return slow.open_atomic(env, address, size, mode, access)
        physical = env.ret if self.misses_are_native else EMPTY
        if access == WRITE:
            data = (env.mem_value & (1 << 8 * size) - 1).to_bytes(size, "little")
            if not slow.store(env, address, data, mode, physical):
                return False
        else:
            loaded = slow.load(env, address, size, mode, physical)
            if loaded is None:
                return False
            self.buffer[0] = int.from_bytes(loaded, "little")
        env.addend = self.buffer_address - address
        return True

    def _logged(self, run: Callable[..., int]) -> Callable[..., int]:
        """`run`, with traps logged whenever machine code was left."""

        def logged(*arguments: int) -> int:
            status = run(*arguments)
            self.print_traps()
            return status

        return logged

    def _timed(self, run: Callable[..., int]) -> Callable[..., int]:
        """`run` (enter or resume), with the time inside and the stays outside counted by cause."""
        stats, env = self.engine.stats, self.env
        names = self.guest.helper_names

        def timed(*arguments: int) -> int:
            start = perf_counter_ns()
            if self.left:
                stats.callback(self.cause, start - self.left)
            status = run(*arguments)
            self.left = perf_counter_ns()
            stats.machine_code += self.left - start
            self.cause = Status(status).name.lower()
            if status == Status.HELPER:
                self.cause += "_" + names[env.helper].lower()
            return status

        return timed


def build(parts: Parts, code_bytes: int) -> tuple[Engine[int], Clock, list[MachineCodeCpu]]:
    """vCPUs that run machine code, in `code_bytes` bytes of code memory, and what they share."""
    guest, stats = parts.guest, parts.stats
    runtime = Runtime(X86Backend(guest.layout, guest.hot_registers), CodeBuffer(code_bytes))
    counter = parts.virtual.count if parts.virtual else runtime.read_counter
    use_counter(counter)
    begin = sample(counter)
    store = None
    if parts.cache_directory:
        features = sorted(host_features())
        store = TranslationStore(
            parts.cache_directory,
            translator_key((guest.configuration, str(parts.counted), str(bool(parts.virtual)), *features)),
        )
    helpers = CompiledHelpers(runtime, parts.helpers, store, counted_time=bool(parts.virtual))
    parts = replace(parts, helpers=helpers.functions)
    host = MachineCodeHost(runtime, helpers, parts.block_log)
    translator = Translator(
        guest,
        host.make,
        runtime.backend.temp_pool,
        stats,
        parts.block_log,
        remembers=False,
        counted_time=bool(parts.virtual),
    )
    stitched = None if parts.counted or parts.block_log or parts.traced else guest
    engine = Engine(parts, translator, MachineCodeCache(host, parts.ram, stats, store, stitched))
    if parts.virtual:
        clock: Clock = parts.virtual.clock
    else:
        clock = Clock(counter, calibrate(counter, begin=begin), parts.timebase_hz)
    return engine, clock, [MachineCodeCpu(engine, host, clock, parts.loop, n) for n in range(parts.count)]
