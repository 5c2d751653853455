"""vCPUs that run a Python function instead of guest code."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pytcg.exec.clock import Clock
from pytcg.machine.cpus import Surroundings
from pytcg.machine.options import Options

Program = Callable[["FakeCpu"], None]


class FakeCpu:
    """Runs `program` on its thread once; records its interrupt lines and resets."""

    def __init__(self, program: Program, around: Surroundings) -> None:
        self.program = program
        self.around = around
        self.memory = around.memory
        self.lines = 0
        self.resets: list[int] = []
        self.stopped = threading.Event()
        self.on_crash: Callable[[BaseException], None] | None = None
        self.thread = threading.Thread(target=self._main, daemon=True)

    def set_irq(self, mask: int, level: bool) -> None:
        self.lines = self.lines | mask if level else self.lines & ~mask

    def reset(self, pc: int) -> None:
        self.resets.append(pc)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.stopped.set()

    def join(self, timeout: float | None = None) -> bool:
        self.thread.join(timeout)
        return not self.thread.is_alive()

    def write(self, address: int, value: int, size: int = 4) -> None:
        with self.around.lock:
            self.memory.write(address, size, value)

    def read(self, address: int, size: int = 4) -> int:
        with self.around.lock:
            return self.memory.read(address, size)

    def _main(self) -> None:
        try:
            self.program(self)
        except Exception as crash:
            assert self.on_crash
            self.on_crash(crash)


def idle(cpu: FakeCpu) -> None:
    """A guest that does nothing until it is stopped."""
    cpu.stopped.wait(5)


class Factory:
    """Stands in for `make_processors`, and for what that makes; vCPU 0 runs `program`, the others idle."""

    def __init__(self, program: Program = idle) -> None:
        self.program = program
        self.cpus: list[FakeCpu] = []
        self.clock = Clock()
        self.flushes = 0

    def __call__(self, arch: str, options: Options, count: int, around: Surroundings) -> Factory:
        self.cpus = [FakeCpu(self.program if index == 0 else idle, around) for index in range(count)]
        return self

    def exclusive(self, action: Callable[[], None]) -> None:
        action()

    def flush(self) -> None:
        self.flushes += 1

    def close(self) -> None:
        """Nothing is kept."""

    def report(self, form: str) -> str:
        return f"{form} report"
