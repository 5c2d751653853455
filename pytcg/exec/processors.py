"""The vCPUs of a machine, built: guest, backend, shared engine, clock."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytcg.debug.log import SWITCHABLE, TRANSLATION, TRAPS, Log, LogSettings
from pytcg.exec.cpu import Cpu
from pytcg.exec.engine import Engine
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.virtualtime import VirtualTime
from pytcg.exec.helpers import complete_helpers
from pytcg.exec.inspection import Inspection
from pytcg.exec.logs import block_log_for, make_trace
from pytcg.exec.parts import Parts
from pytcg.exec.stats import Stats
from pytcg.frontend.guest import Guest
from pytcg.softmmu.regions import AddressSpace, Ram
from pytcg.tcg.helpers import Helper

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
