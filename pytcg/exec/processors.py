"""The vCPUs of a machine, built: guest, backend, shared engine, clock."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytcg.debug.log import SWITCHABLE, TRANSLATION, TRAPS, BlockLog, Log, LogSettings
from pytcg.exec.blocks.invalidate import helper_invalidate, helper_invalidate_elsewhere
from pytcg.exec.blocks.lookup import make_lookup
from pytcg.exec.blocks.placing import helper_place, helper_reindex, helper_remember
from pytcg.exec.cpu import Cpu
from pytcg.exec.engine import Engine
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.virtualtime import VirtualTime
from pytcg.exec.inspection import Inspection
from pytcg.exec.parts import Parts
from pytcg.exec.registers import make_helper_register
from pytcg.exec.stats import Stats
from pytcg.frontend.guest import Guest, HelperFunction
from pytcg.softmmu.regions import AddressSpace, Ram
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.soft_helper import helper_fp

log = logging.getLogger("pytcg")

DEFAULT_CODE_BYTES = 256 << 20
BACKENDS = ("x86_64", "tci")
#: a collection walks what the translator keeps for good, so it is to be rare
GC_THRESHOLDS = (50000, 50, 1000)
#: seconds after which a thread in Python lets another have the interpreter: while one vCPU translates, the event loop,
#: and another vCPU that needs Python for a moment, are not to wait for longer
SWITCH_INTERVAL = 0.0005


def choose_backend(wanted: str) -> str:
    """The backend to use: the one wanted, or the host's own, or the interpreter, which is said on stderr.

    Raises ValueError for one that is not there or that this host cannot run.
    """
    if wanted and wanted not in BACKENDS:
        raise ValueError(f"there is no backend '{wanted}' (backends: {', '.join(BACKENDS)})")
    if wanted == "tci":
        return wanted
    reason = what_is_missing()
    if not reason:
        return "x86_64"
    if wanted:
        raise ValueError(f"backend '{wanted}' does not run here: {reason}")
    log.warning("no machine code can be made here: %s; interpreting, which is slow", reason)
    return "tci"


def what_is_missing() -> str:
    """What keeps this host from running the x86-64 backend's code; empty if nothing does."""
    host = os.uname().machine
    if host != "x86_64":
        return f"no backend is for a {host} host"
    from pytcg.backend.x86_64.backend import REQUIRED_FEATURES, host_features

    missing = REQUIRED_FEATURES - host_features()
    return f"the host CPU lacks {', '.join(sorted(missing))}" if missing else ""


def no_helper(env: Any) -> int:
    """What a helper number that is not in use leads to."""
    raise LookupError(f"no helper {env.helper}")


def helper_limit(env: Any) -> int:
    """Helper.LIMIT: a block is not to begin."""
    env.pc = env.insn_pc
    return Action.EXIT


def helper_code_fence(env: Any) -> int:
    """Helper.CODE_FENCE."""
    env.cpu.engine.code.fence()
    return Action.CONTINUE


def complete_helpers(guest: Guest, registers: bool = True) -> list[HelperFunction]:
    """The helpers of a guest by number, and those that all guests have: soft floating point, the search for blocks.

    `registers`: accesses of devices may be done by machine code, and told to the event loop later.
    """
    helpers = [helper or no_helper for helper in guest.helpers]
    helpers[Helper.FP] = helper_fp
    helpers[Helper.LIMIT] = helper_limit
    helpers[Helper.CODE_FENCE] = helper_code_fence
    helpers[Helper.PLACE], helpers[Helper.INVALIDATE] = helper_place, helper_invalidate
    helpers[Helper.INVALIDATE_ELSEWHERE] = helper_invalidate_elsewhere
    helpers[Helper.REMEMBER], helpers[Helper.REINDEX] = helper_remember, helper_reindex
    if registers:
        helpers[Helper.REGISTER] = make_helper_register(guest.layout)
    helpers[Helper.LOOKUP] = make_lookup(helpers[Helper.TLB_MISS], guest.units)
    return helpers


def block_log_for(log: Log, guest: Guest) -> BlockLog:
    """The log of translations for a guest on this host."""
    # capstone takes a while to import
    from pytcg.debug.disassemble import disassembler
    from pytcg.tcg.text import format_ops

    return BlockLog(
        log,
        disassembler(guest.name),
        disassembler("x86_64"),
        lambda ops: format_ops(ops, guest.register_names),
    )


def make_trace(log: Log, guest: Guest) -> HelperFunction:
    """Helper.TRACE for a log: a line, or the registers, of each block that begins."""
    lines, registers = "exec" in log.items, "cpu" in log.items

    def helper_trace(env: Any) -> int:
        pc = env.pc = env.insn_pc
        if log.wants(pc):
            if lines:
                log.write(f"Trace {env.cpu.index}: {pc:016x}/{env.flags:#x} {log.symbols.name(pc)}".rstrip())
            if registers:
                log.write(guest.describe(env))
        return Action.CONTINUE

    return helper_trace


class Processors:
    """All vCPUs of a machine and what they share.

    `helpers` of the guest are completed by floating point in software and by the search for blocks. Raises ValueError
    for a backend that cannot be had.
    """

    def __init__(
        self,
        guest: Guest,
        memory: AddressSpace,
        ram: Ram,
        loop: EventLoop | VirtualTime,
        lock: Any,
        count: int,
        timebase_hz: int,
        backend: str = "",
        counted: bool = False,
        virtual: VirtualTime | None = None,
        stats: bool = False,
        code_bytes: int = DEFAULT_CODE_BYTES,
        cache_directory: Path | None = None,
        log: LogSettings | None = None,
    ) -> None:
        self.stats = Stats(timed=stats)
        self.counted = counted
        self.virtual = virtual
        self.log = Log(log) if log else None
        items = log.items if log else frozenset()
        if self.log:
            self.log.take_loggers()
        block_log = block_log_for(self.log, guest) if self.log and items & TRANSLATION else None
        helpers = complete_helpers(guest, registers=virtual is None)
        if self.log and items & {"exec", "cpu"}:
            helpers[Helper.TRACE] = make_trace(self.log, guest)
        parts = Parts(
            guest,
            helpers,
            memory,
            ram,
            loop,
            lock,
            count,
            timebase_hz,
            self.stats,
            counted,
            virtual,
            # what is not translated anew would be missing from the log
            None if block_log else cache_directory,
            block_log,
            self.log if items & TRAPS else None,
            bool(items & {"exec", "cpu", "nochain"}),
        )
        self.engine: Engine[Any]
        self.cpus: Sequence[Cpu]
        # Only what runs is imported: start-up is to be short.
        if choose_backend(backend) == "tci":
            from pytcg.exec import interpreter

            self.engine, self.clock, self.cpus = interpreter.build(parts)
        else:
            from pytcg.exec import machinecode

            self.engine, self.clock, self.cpus = machinecode.build(parts, code_bytes)
        self.inspect = Inspection(self.engine)
        if isinstance(loop, EventLoop):
            loop.add_reader(memory.shared.bell, memory.shared.bell_rang)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        sys.setswitchinterval(SWITCH_INTERVAL)

    def exclusive(self, action: Callable[[], None]) -> None:
        """`action()` while no vCPU runs. The caller holds no lock."""
        self.engine.run_exclusive(action)

    def flush(self) -> None:
        """Drop all translated code from its places. No vCPU may run."""
        self.engine.code.flush()

    def overwritten(self, physical: int, size: int) -> None:
        """Drop the translations of guest memory that a device has written to."""
        self.engine.code.overwritten(physical, size)

    def set_log(self, items: frozenset[str]) -> None:
        """Log these items of SWITCHABLE from now on, and the others as before. No vCPU's thread may run."""
        self.log = log = self.log or Log(LogSettings(frozenset()))
        log.items = log.items - SWITCHABLE | items
        log.take_loggers()
        for cpu in self.cpus:
            cpu.trap_log = log if items & TRAPS else None
            if cpu.trap_log:
                self.engine.guest.log_traps(cpu.env)

    def set_log_file(self, file: Path) -> None:
        """Log into a file from now on. No vCPU's thread may run. Raises OSError."""
        self.log = self.log or Log(LogSettings(frozenset()))
        self.log.redirect(file)

    def close(self) -> None:
        """At the end of the run, with all vCPUs stopped: keep translations, close the log."""
        self.engine.code.close()
        if self.log:
            self.log.close()

    def report(self, form: str) -> str:
        """The counters, as "text" or "json"."""
        self.engine.code.count()
        asleep = self.clock.span_ns(sum(cpu.env.idle for cpu in self.cpus))
        self.stats.idle += asleep
        self.stats.machine_code -= asleep
        if self.virtual:
            self.stats.state_hash = self.inspect.state_hash()
        executed = sum(cpu.env.executed for cpu in self.cpus) if self.counted else None
        return self.stats.as_json(executed) if form == "json" else self.stats.as_text(executed)
