"""vCPUs that run a Python function instead of guest code."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from pytcg.exec.events.clock import Clock
from pytcg.frontend.guest import Mapping
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
        self.thread = threading.Thread()

    def set_irq(self, mask: int, level: bool) -> None:
        self.lines = self.lines | mask if level else self.lines & ~mask

    def wire(self, mask: int) -> None:
        return None

    def reset(self, pc: int) -> None:
        self.resets.append(pc)

    def start(self) -> None:
        if not self.thread.is_alive():
            self.stopped.clear()
            self.thread = threading.Thread(target=self._main, daemon=True)
            self.thread.start()

    def stop(self) -> None:
        self.stopped.set()

    def join(self, timeout: float | None = None) -> bool:
        if self.thread.ident is not None:
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


class FakeInspection:
    """A CPU whose registers hold their number, and whose addresses are physical."""

    def describe(self, cpu: int) -> str:
        return f"pc of {cpu}"

    def registers(self, cpu: int) -> dict[str, int]:
        return {"pc": 0x80000000 + cpu, "mip": 0x80}

    def is_halted(self, cpu: int) -> bool:
        return cpu > 0

    def translate(self, cpu: int, address: int) -> int | None:
        return address if address < 1 << 32 else None

    def mappings(self, cpu: int) -> list[Mapping]:
        return [Mapping(0x1000, 0x80001000, 0x2000, "rw-")] if cpu else []

    def disassemble(self, code: bytes, address: int) -> list[str]:
        return [f"{address + at:#x}: {code[at : at + 4].hex()}" for at in range(0, len(code), 4)]

    def translation(self) -> dict[str, object]:
        return {"blocks": 7}


class Factory:
    """Stands in for `make_processors`, and for what that makes; vCPU 0 runs `program`, the others idle."""

    def __init__(self, program: Program = idle) -> None:
        self.program = program
        self.cpus: list[FakeCpu] = []
        self.clock = Clock()
        self.flushes = 0
        self.inspect = FakeInspection()
        self.log: frozenset[str] = frozenset()
        self.log_file: Path | None = None

    def __call__(self, arch: str, options: Options, count: int, around: Surroundings) -> Factory:
        self.cpus = [FakeCpu(self.program if index == 0 else idle, around) for index in range(count)]
        return self

    def exclusive(self, action: Callable[[], None]) -> None:
        action()

    def flush(self) -> None:
        self.flushes += 1

    def overwritten(self, physical: int, size: int) -> None:
        """Nothing is translated."""

    def set_log(self, items: frozenset[str]) -> None:
        self.log = items

    def set_log_file(self, file: Path) -> None:
        self.log_file = file

    def close(self) -> None:
        """Nothing is kept."""

    def report(self, form: str) -> str:
        return f"{form} report"
