"""Stopping the world."""

from __future__ import annotations

from threading import Condition, Thread, current_thread
from typing import Any

from pytcg.exec.engine import Engine


class Vcpu:
    """A vCPU whose thread is in Python, and comes to a safe point only by asking for the world itself."""

    def __init__(self, engine: Engine[Any], log: list[str], name: str) -> None:
        self.engine, self.log, self.name = engine, log, name
        self.running = True
        self.stops = 0
        self.thread = Thread(target=self.run, daemon=True)

    def is_current_thread(self) -> bool:
        return current_thread() is self.thread

    def request(self, bits: int) -> None:
        self.stops += 1

    def run(self) -> None:
        with self.engine.exclusive():
            self.log.append(f"{self.name} in")
            self.log.append(f"{self.name} out")
        with self.engine.world:
            self.running = False
            self.engine.world.notify_all()


def test_two_that_want_the_world_at_once_both_get_it_in_turn() -> None:
    engine: Any = Engine.__new__(Engine)
    engine.world, engine.paused = Condition(), False
    log: list[str] = []
    cpus = engine.cpus = [Vcpu(engine, log, name) for name in "abcd"]
    for cpu in cpus:
        cpu.thread.start()
    for cpu in cpus:
        cpu.thread.join(5)
    assert not any(cpu.thread.is_alive() for cpu in cpus)
    assert sorted(log) == sorted(f"{name} {way}" for name in "abcd" for way in ("in", "out"))
    assert all(log[at][0] == log[at + 1][0] for at in range(0, len(log), 2))
    assert not engine.paused
