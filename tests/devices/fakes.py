"""Surroundings of a device under test: time that the test advances, lines and chardevs that remember."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytcg.devices.chardev import Chardev
from pytcg.devices.wiring import Wiring
from pytcg.softmmu.dma import Dma
from pytcg.softmmu.regions import AddressSpace


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.deadline: int | None = None

    def arm(self, deadline: int) -> None:
        self.deadline = deadline

    def cancel(self) -> None:
        self.deadline = None


class FakeTime:
    """Clock and event loop in one: a monotonic time in ns that only `advance` moves."""

    timebase_hz = 10_000_000

    def __init__(self) -> None:
        self.now = 1_000_000
        self.offset = 0
        self.timers: list[FakeTimer] = []

    def ns(self) -> int:
        return self.now

    def ticks(self) -> int:
        return self.now // 100 + self.offset

    def set_ticks(self, value: int) -> None:
        self.offset = value - self.now // 100

    def deadline(self, ticks: int) -> int:
        return self.now + (ticks - self.ticks()) * 100

    def deadline_ns(self, ns: int) -> int:
        return ns

    def timer(self, callback: Callable[[], None]) -> FakeTimer:
        self.timers.append(FakeTimer(callback))
        return self.timers[-1]

    def call_soon(self, callback: Callable[[], None]) -> None:
        callback()

    def advance(self, ns: int) -> None:
        """Let time pass, and timers fire."""
        self.now += ns
        for timer in self.timers:
            if timer.deadline is not None and timer.deadline <= self.now:
                timer.deadline = None
                timer.callback()


class FakeLine:
    def __init__(self) -> None:
        self.level = False

    def __call__(self, level: bool) -> None:
        self.level = level


class FakeChardev(Chardev):
    """`output` is what was sent, `give` input; `limit` is the room for output."""

    def __init__(self) -> None:
        self.output = b""
        self.input = b""
        self.limit = 1 << 30

    def room(self) -> int:
        return self.limit

    def write(self, data: bytes) -> None:
        assert len(data) <= self.limit
        self.output += data
        self.limit -= len(data)

    def accept_input(self) -> None:
        while self.port and self.input and (count := self.port.can_receive()):
            data, self.input = self.input[:count], self.input[count:]
            self.port.receive(data)

    def unread(self, data: bytes) -> None:
        self.input = data + self.input

    def close(self) -> None:
        pass

    def give(self, data: bytes) -> None:
        self.input += data
        self.accept_input()


def wiring(time: FakeTime, lines: list[FakeLine], **more: Any) -> Wiring:
    space = AddressSpace()
    return Wiring(clock=time, loop=time, memory=space, dma=Dma(space, lambda address, size: None), irqs=lines, **more)
