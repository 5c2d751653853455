"""A vCPU: its state, its host thread, and how other threads reach it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Event, Lock, Thread, current_thread
from time import perf_counter_ns
from typing import Any

from pytcg.exec.engine import Engine
from pytcg.exec.events.clock import Clock
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.virtualtime import VirtualTime
from pytcg.native.atomic import set_bits
from pytcg.softmmu.shared import Wire
from pytcg.tcg.state import EMPTY, IRQ_ALARM, IRQ_LOOP


class Cpu(ABC):
    """One vCPU on one host thread. Devices reach it by set_irq, the machine by start, stop, reset and join."""

    def __init__(self, engine: Engine[Any], clock: Clock, loop: EventLoop | VirtualTime, index: int) -> None:
        self.engine = engine
        self.virtual = engine.parts.virtual
        self.guest = engine.guest
        self.clock = clock
        self.index = index
        self.memory = engine.memory
        self.env: Any = self.guest.env_class(self.guest.layout)
        self.env.cpu = self
        if self.virtual:
            self.virtual.env = self.env
        self.irq_lock = Lock()
        self.wakeup = Event()
        self.irq_address = self.env.address + self.env.layout.offset["irq"]
        #: the alarm, unless machine code has its own
        self.timer = loop.timer(partial(self.request, IRQ_ALARM))
        #: True while machine code may run or be resumed, until the next safe point
        self.running = False
        self.stopping = False
        self.on_crash: Callable[[BaseException], None] | None = None
        self.thread: Thread | None = None
        #: where traps are logged, if they are
        self.trap_log = engine.parts.trap_log
        engine.attach(self)
        clock.attach(self.env, partial(self.request, IRQ_ALARM))
        self.reset(0)

    # --- called from other threads

    def set_irq(self, mask: int, level: bool) -> None:
        """Set interrupt lines (a mask of the guest's interrupt bits) to a level."""
        with self.irq_lock:
            news = self.guest.set_irq(self.env, mask, level)
        if news:
            self.request(news)

    def wire(self, mask: int) -> Wire | None:
        """How machine code drives an interrupt line by itself, if it may."""
        found = self.guest.wire(mask)
        if found is None:
            return None
        news, level = found
        at = {name: self.env.address + offset for name, offset in self.env.layout.offset.items()}
        return Wire(at["irq"], news, at["halted"], at[level] if level else 0, mask)

    def request(self, bits: int) -> None:
        """Set bits of env.irq, which the vCPU sees at its next poll; one that sleeps wakes."""
        if self.virtual and bits == IRQ_LOOP:
            # at the start of a block, where leaving leaves no trace in the count
            self.env.limit = 0
        else:
            self.ring(bits)
        self.wakeup.set()

    def ring(self, bits: int) -> None:
        """Set bits of env.irq."""
        set_bits(self.irq_address, bits)

    def reset(self, pc: int) -> None:
        """Back to the state at power-on, to start at `pc`. The vCPU must not run."""
        env, engine = self.env, self.engine
        self.guest.reset(env, self.index, pc)
        env.empty_caches()
        self.timer.cancel()
        if self.trap_log:
            self.guest.log_traps(env)
        if engine.parts.counted:
            env.flags |= self.guest.count_flag
        self.wakeup.set()

    def start(self) -> None:
        """Start the vCPU's thread, unless it runs already."""
        self.stopping = False
        if not (self.thread and self.thread.is_alive()):
            # the alarm of an earlier thread has gone with it
            self.request(IRQ_ALARM)
            self.thread = Thread(target=self._main, name=f"vcpu{self.index}", daemon=True)
            self.thread.start()

    def stop(self) -> None:
        """End the vCPU's thread at its next safe point."""
        self.stopping = True
        self.request(IRQ_LOOP)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread to end; whether it has."""
        if self.thread is None:
            return True
        self.thread.join(timeout)
        return not self.thread.is_alive()

    def is_current_thread(self) -> bool:
        """Whether the caller runs on this vCPU's thread."""
        return current_thread() is self.thread

    def print_traps(self) -> None:
        """Log the traps that were taken since the last time."""
        if self.trap_log:
            items = self.trap_log.items
            for item, line in self.guest.take_traps(self.env):
                if item in items or "int" in items:
                    self.trap_log.write(line)

    # --- the vCPU's thread

    def own_alarm(self) -> AbstractContextManager[object]:
        """Around all that the thread does: its own alarm instead of the event loop's, if it can have one."""
        return nullcontext()

    @abstractmethod
    def run(self) -> None:
        """Run until `safe_point` says that the vCPU must end."""

    def _main(self) -> None:
        try:
            with self.own_alarm():
                self.run()
        except BaseException as crash:
            if self.on_crash is None:
                raise
            self.on_crash(crash)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self.engine.world:
            self.running = False
            self.engine.world.notify_all()

    def safe_point(self) -> bool:
        """Between blocks: wait while the world is stopped or the guest sleeps. False: the vCPU must end."""
        env, world = self.env, self.engine.world
        self.print_traps()
        self._leave()
        while True:
            self.wakeup.clear()
            if not env.alarm and env.alarm_at != EMPTY:
                self.timer.arm(self.clock.deadline(env.alarm_at))
            if self.virtual:
                self.virtual.run_due()
            with world:
                while self.engine.paused and not self.stopping:
                    world.wait()
                if self.stopping:
                    return False
                if not env.halted or env.irq & IRQ_ALARM or self.guest.has_work(env):
                    env.halted = 0
                    self.running = True
                    return True
            start = perf_counter_ns()
            if self.virtual:
                self.virtual.wait(self.wakeup)
            else:
                self.wakeup.wait()
            self.engine.stats.idle += perf_counter_ns() - start
