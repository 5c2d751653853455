"""Goldfish real-time clock: nanoseconds since 1970, with an alarm.

Source: the Android emulator's "Goldfish virtual hardware", section "Goldfish real-time clock".
"""

from __future__ import annotations

from typing import Self

from pytcg.devices.base import Device, Line, Wiring
from pytcg.devices.registers import Register
from pytcg.devices.wiring import Clock, Loop

MASK64 = 0xFFFFFFFFFFFFFFFF


class GoldfishRtc(Device):
    """Starts at `epoch_ns` (nanoseconds since 1970) and runs on guest time."""

    compatible = ("google,goldfish-rtc",)
    state = ("offset_ns", "alarm", "armed", "pending")

    time_low = Register(0x00, doc="read: latches the high half; write: sets the time with the high half written before")
    time_high = Register(0x04)
    alarm_low = Register(0x08, doc="write: arms the alarm with the high half written before")
    alarm_high = Register(0x0C)
    irq_enabled = Register(0x10, mask=1)
    clear_alarm = Register(0x14, access="w")
    alarm_status = Register(0x18, access="r", doc="1: armed")
    clear_interrupt = Register(0x1C, access="w")

    def __init__(self, line: Line, clock: Clock, loop: Loop, epoch_ns: int) -> None:
        self.line = line
        self.clock = clock
        self.offset_ns = epoch_ns - clock.ns()
        self.timer = loop.timer(self._update)
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.irq(0), wiring.clock, wiring.loop, wiring.epoch_ns)

    def reset(self) -> None:
        super().reset()
        #: when the alarm goes off, in nanoseconds since 1970
        self.alarm = 0
        self.armed = False
        self.pending = False
        self._update()

    def restored(self) -> None:
        self._update()

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return self.clock.ns() + self.offset_ns & MASK64

    @time_low.reads
    def _time_low(self) -> int:
        now = self.now()
        self.time_high = now >> 32
        return now & 0xFFFFFFFF

    @time_low.writes
    def _set_time(self, value: int) -> None:
        self.offset_ns = (self.time_high << 32 | value) - self.clock.ns()
        self._update()

    @alarm_low.reads
    def _alarm_low(self) -> int:
        return self.alarm & 0xFFFFFFFF

    @alarm_low.writes
    def _set_alarm(self, value: int) -> None:
        self.alarm = self.alarm_high << 32 | value
        self.armed = True
        self._update()

    @irq_enabled.writes
    def _enable(self, value: int) -> None:
        self.irq_enabled = value
        self._update()

    @clear_alarm.writes
    def _clear_alarm(self, value: int) -> None:
        self.armed = False
        self._update()

    @alarm_status.reads
    def _alarm_status(self) -> int:
        return int(self.armed)

    @clear_interrupt.writes
    def _clear_interrupt(self, value: int) -> None:
        self.pending = False
        self._update()

    def _update(self) -> None:
        """Let the alarm go off if it is time, else look again when it is."""
        if self.armed and self.now() >= self.alarm:
            self.armed = False
            self.pending = True
        if self.armed:
            self.timer.arm(self.clock.deadline_ns(self.alarm - self.offset_ns))
        else:
            self.timer.cancel()
        self.line(bool(self.pending and self.irq_enabled))
