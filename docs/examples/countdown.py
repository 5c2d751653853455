"""A device of a user's own: it counts down and interrupts when it reaches zero. See ../writing-a-device.md."""

from __future__ import annotations

from typing import Self

from pytcg.devices.base import Device, Line, Wiring
from pytcg.devices.registers import Register
from pytcg.devices.wiring import Clock, Loop


class Countdown(Device):
    """Counts at `rate` a second in guest time, from the value written to `count` down to zero."""

    compatible = ("example,countdown",)
    state = ("zero_at",)

    count = Register(0x0, doc="what is left; writing starts it anew")
    status = Register(0x4, access="rc", mask=1, doc="bit 0: zero was reached; write 1 to clear")
    enable = Register(0x8, mask=1, doc="bit 0: interrupt while status is set")

    def __init__(self, line: Line, clock: Clock, loop: Loop, rate: int) -> None:
        self.line = line
        self.clock = clock
        self.rate = rate
        self.timer = loop.timer(self.expired)
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        rate = wiring.number("clock-frequency", 1000)
        if not rate:
            raise ValueError("clock-frequency is zero")
        return cls(wiring.irq(0), wiring.clock, wiring.loop, rate)

    def reset(self) -> None:
        super().reset()
        #: guest time in ns; 0: it does not count
        self.zero_at = 0
        self.restored()

    def restored(self) -> None:
        self.timer.cancel()
        if self.zero_at:
            self.timer.arm(self.clock.deadline_ns(self.zero_at))
        self.update()

    def write(self, offset: int, size: int, value: int) -> None:
        super().write(offset, size, value)
        self.update()

    @count.reads
    def left(self) -> int:
        return max(self.zero_at - self.clock.ns(), 0) * self.rate // 10**9

    @count.writes
    def start(self, value: int) -> None:
        self.zero_at = self.clock.ns() + value * 10**9 // self.rate if value else 0
        self.restored()

    def expired(self) -> None:
        self.zero_at = 0
        self.status = 1
        self.update()

    def update(self) -> None:
        self.line(bool(self.status & self.enable))
