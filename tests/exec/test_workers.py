"""Threads for work that may block."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

import pytest

from pytcg.exec.events.workers import THREADS, Workers

PATIENCE = 10


class Loop:
    """Keeps what is to be called, until `turn`."""

    def __init__(self) -> None:
        self.calls: deque[Callable[[], None]] = deque()

    def turn(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < deadline
            while self.calls:
                self.calls.popleft()()
            time.sleep(0.001)


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_results_come_in_the_loop(loop: Loop) -> None:
    workers = Workers(loop.calls.append)
    group = workers.group()
    results: list[tuple[int, int]] = []
    for number in range(50):
        group.submit(partial(pow, number, 2), lambda square, number=number: results.append((number, square)))
    assert results == []
    loop.turn(lambda: len(results) == 50)
    assert sorted(results) == [(number, number**2) for number in range(50)]
    assert threading.active_count() <= 1 + THREADS
    workers.close()
    assert not any(thread.name == "worker" for thread in threading.enumerate())


def test_work_that_blocks_holds_nothing_else_up(loop: Loop) -> None:
    workers = Workers(loop.calls.append)
    gate = threading.Event()
    results: list[str] = []
    workers.group().submit(gate.wait, lambda _: results.append("slow"))
    workers.group().submit(lambda: None, lambda _: results.append("fast"))
    loop.turn(lambda: bool(results))
    gate.set()
    loop.turn(lambda: len(results) == 2)
    assert results == ["fast", "slow"]
    workers.close()


def test_abandoned_work_ends_first_and_says_nothing(loop: Loop) -> None:
    workers = Workers(loop.calls.append)
    group = workers.group()
    ended: list[int] = []
    results: list[object] = []

    def work() -> None:
        time.sleep(0.05)
        ended.append(1)

    for _ in range(3):
        group.submit(work, results.append)
    group.abandon()
    assert len(ended) == 3
    group.submit(lambda: "next", results.append)
    loop.turn(lambda: bool(results))
    assert results == ["next"]
    workers.close()


def test_closing_lets_work_end(loop: Loop) -> None:
    workers = Workers(loop.calls.append)
    ended: list[int] = []
    for number in range(10):
        workers.group().submit(partial(ended.append, number), lambda _: None)
    workers.close()
    assert sorted(ended) == list(range(10))
