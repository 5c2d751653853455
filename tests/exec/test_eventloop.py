"""The event loop: descriptors, timers, signals, other threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from pytcg.exec.events.eventloop import EventLoop

MS = 1_000_000


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    with EventLoop() as loop:
        yield loop


def stop_after(loop: EventLoop, ms: int) -> None:
    loop.timer(loop.stop).arm(time.monotonic_ns() + ms * MS)


def test_timers_fire_in_order_and_not_early(loop: EventLoop) -> None:
    start = time.monotonic_ns()
    fired: list[tuple[str, bool]] = []

    def note(name: str, due: int) -> None:
        fired.append((name, time.monotonic_ns() >= due))

    for name, ms in (("c", 12), ("a", 3), ("b", 6)):
        due = start + ms * MS
        loop.timer(partial(note, name, due)).arm(due)
    stop_after(loop, 15)
    loop.run()
    assert fired == [("a", True), ("b", True), ("c", True)]


def test_timer_can_be_cancelled_and_armed_anew(loop: EventLoop) -> None:
    """Due times lie in the past: the order is that of the times, however late the loop is."""
    now = time.monotonic_ns() - 30 * MS
    fired: list[str] = []
    cancelled = loop.timer(lambda: fired.append("cancelled"))
    cancelled.arm(now + 2 * MS)
    cancelled.cancel()
    later = loop.timer(lambda: fired.append("later"))
    later.arm(now + 2 * MS)
    later.arm(now + 8 * MS)
    earlier = loop.timer(lambda: fired.append("earlier"))
    for ms in (20, 4, 20, 5):
        earlier.arm(now + ms * MS)
    stop_after(loop, 0)
    loop.run()
    assert fired == ["earlier", "later"]
    assert later.deadline is None


def test_timer_armed_later_again_and_again_keeps_the_heap_small(loop: EventLoop) -> None:
    timer = loop.timer(loop.stop)
    for i in range(1000):
        timer.arm(time.monotonic_ns() + 10**9 + i)
    assert len(loop._timers) == 1


def test_timer_may_arm_itself(loop: EventLoop) -> None:
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count == 5:
            loop.stop()
        else:
            timer.arm(time.monotonic_ns() + MS)

    timer = loop.timer(tick)
    timer.arm(0)
    loop.run()
    assert count == 5


def test_pipe_readers_and_writers(loop: EventLoop) -> None:
    out, into = os.pipe()
    got: list[bytes] = []

    def write() -> None:
        os.write(into, b"hello")
        loop.remove_writer(into)

    def read() -> None:
        got.append(os.read(out, 100))
        os.close(into)
        loop.remove_reader(out)
        loop.stop()

    loop.add_reader(out, read)
    loop.add_writer(into, write)
    loop.run()
    os.close(out)
    assert got == [b"hello"]


def test_reader_removed_by_another_callback_of_the_same_turn(loop: EventLoop) -> None:
    pipes = [os.pipe(), os.pipe()]
    calls: list[int] = []

    def read(fd: int) -> None:
        calls.append(fd)
        for out, _ in pipes:
            loop.remove_reader(out)
        loop.stop()

    for out, into in pipes:
        os.write(into, b"x")
        loop.add_reader(out, partial(read, out))
    loop.run()
    assert len(calls) == 1
    for fd in (fd for pair in pipes for fd in pair):
        os.close(fd)


def test_other_threads_wake_the_loop(loop: EventLoop) -> None:
    """A sleeping loop takes calls, earlier timers, readers and stop from elsewhere at once."""
    out, into = os.pipe()
    seen: list[str] = []
    loop.timer(lambda: seen.append("never")).arm(time.monotonic_ns() + 10**12)

    def read() -> None:
        seen.append("reader")
        os.read(out, 1)

    def other() -> None:
        time.sleep(0.01)
        loop.call_soon(lambda: seen.append("soon"))
        time.sleep(0.01)
        loop.timer(lambda: seen.append("timer")).arm(time.monotonic_ns())
        time.sleep(0.01)
        os.write(into, b"x")
        loop.add_reader(out, read)
        time.sleep(0.01)
        loop.stop()

    thread = threading.Thread(target=other)
    thread.start()
    start = time.monotonic()
    loop.run()
    thread.join()
    assert seen == ["soon", "timer", "reader"]
    assert time.monotonic() - start < 5
    os.close(out)
    os.close(into)


def test_callbacks_hold_the_lock() -> None:
    lock = threading.RLock()
    free: list[bool] = []

    def try_lock() -> None:
        got = lock.acquire(blocking=False)
        if got:
            lock.release()
        free.append(got)

    with EventLoop(lock) as loop:

        def callback() -> None:
            thread = threading.Thread(target=try_lock)
            thread.start()
            thread.join()
            loop.stop()

        loop.call_soon(callback)
        loop.run()
    assert free == [False]


def test_signals_are_callbacks_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGWINCH), signal.getsignal(signal.SIGTERM)
    seen: list[str] = []
    with EventLoop() as loop:

        def end() -> None:
            seen.append("term")
            loop.stop()

        loop.on_signal(signal.SIGWINCH, lambda: seen.append("winch"))
        loop.on_signal(signal.SIGTERM, end)
        loop.timer(lambda: os.kill(os.getpid(), signal.SIGWINCH)).arm(time.monotonic_ns() + 2 * MS)
        loop.timer(lambda: os.kill(os.getpid(), signal.SIGTERM)).arm(time.monotonic_ns() + 6 * MS)
        loop.run()
    assert seen == ["winch", "term"]
    assert (signal.getsignal(signal.SIGWINCH), signal.getsignal(signal.SIGTERM)) == before


def test_signal_reaches_a_sleeping_loop() -> None:
    code = """
import signal
from pytcg.exec.events.eventloop import EventLoop
with EventLoop() as loop:
    loop.on_signal(signal.SIGTERM, loop.stop)
    print("ready", flush=True)
    loop.run()
print("stopped", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopped\n"
    assert process.returncode == 0


def test_stop_before_run_and_run_again(loop: EventLoop) -> None:
    loop.stop()
    loop.run()
    ran: list[int] = []
    loop.call_soon(lambda: ran.append(1))
    loop.call_soon(loop.stop)
    loop.run()
    assert ran == [1]


def test_exceptions_come_out_of_run(loop: EventLoop) -> None:
    loop.call_soon(lambda: print(1 // 0))
    with pytest.raises(ZeroDivisionError):
        loop.run()


def test_an_idle_loop_sleeps(loop: EventLoop) -> None:
    stop_after(loop, 100)
    cpu = time.process_time()
    loop.run()
    assert time.process_time() - cpu < 0.02
