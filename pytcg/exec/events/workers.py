"""Threads for work that may block, such as disk accesses, so that neither vCPUs nor the event loop wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")
Task = Callable[[], None]

THREADS = 4


class Workers:
    """A pool of threads, started as they are needed. `call_soon` runs a function in the event loop."""

    def __init__(self, call_soon: Callable[[Task], None], threads: int = THREADS) -> None:
        self.call_soon = call_soon
        self._limit = threads
        self._threads: list[threading.Thread] = []
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._idle = 0

    def group(self) -> WorkGroup:
        """A place to submit work to."""
        return WorkGroup(self)

    def put(self, task: Task) -> None:
        """Run `task` on some thread. The caller holds the machine's lock."""
        if self._tasks.qsize() >= self._idle and len(self._threads) < self._limit:
            thread = threading.Thread(target=self._main, name="worker", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._tasks.put(task)

    def close(self) -> None:
        """Let all work be done, and end the threads."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _main(self) -> None:
        while True:
            self._idle += 1
            task = self._tasks.get()
            self._idle -= 1
            if task is None:
                return
            task()


class WorkGroup:
    """The work of one device, which can be waited for."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._busy = 0
        self._changed = threading.Condition()
        self._era = 0

    def submit(self, work: Callable[[], Result], done: Callable[[Result], None]) -> None:
        """Call `work` on a thread of the pool, then `done` with its result in the event loop. `work` must not raise."""
        era = self._era

        def finish(result: Result) -> None:
            if era == self._era:
                done(result)

        def task() -> None:
            result = work()
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
            self._workers.call_soon(lambda: finish(result))

        with self._changed:
            self._busy += 1
        self._workers.put(task)

    def abandon(self) -> None:
        """Wait for all work under way; its `done` is not called any more. The machine's lock may be held."""
        self._era += 1
        with self._changed:
            self._changed.wait_for(lambda: not self._busy)


class AtOnce:
    """Work that is done where it is submitted: with -icount, when it ends must not depend on the host."""

    def submit(self, work: Callable[[], Result], done: Callable[[Result], None]) -> None:
        """Call `work`, then `done` with its result."""
        done(work())

    def abandon(self) -> None:
        """Nothing is ever under way."""
