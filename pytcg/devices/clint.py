"""Core-local interruptor: software interrupts, the timer and its compare registers.

Source: SiFive FU540-C000 manual, chapter 9; RISC-V ACLINT specification 1.0, chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Self

from pytcg.devices.base import Device, Line, Wiring
from pytcg.devices.registers import Register, RegisterArray
from pytcg.devices.wiring import Clock, Loop

NEVER = 0xFFFFFFFFFFFFFFFF


class Clint(Device):
    """`software` and `timer` are the lines of the harts; `mtime` is the machine's clock."""

    compatible = ("sifive,clint0", "riscv,clint0")
    sizes = (4, 8)

    msip = RegisterArray(0x0, lambda self: [(self.harts, 4)], mask=1, doc="bit 0: the hart's software interrupt")
    mtimecmp = RegisterArray(0x4000, lambda self: [(self.harts, 8)], 8, reset=NEVER, doc="interrupt from this time on")
    mtime = Register(0xBFF8, width=8, doc="guest time in ticks")

    def __init__(self, software: Sequence[Line], timer: Sequence[Line], clock: Clock, loop: Loop) -> None:
        self.software = software
        self.timer = timer
        self.harts = len(timer)
        self.clock = clock
        self.alarms = [loop.timer(partial(self._compare, hart)) for hart in range(self.harts)]
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        """Interrupts of the node: software and timer of each hart in turn."""
        return cls(wiring.irqs[0::2], wiring.irqs[1::2], wiring.clock, wiring.loop)

    def reset(self) -> None:
        super().reset()
        self.restored()

    def restored(self) -> None:
        for hart in range(self.harts):
            self.software[hart](bool(self.msip[hart]))
            self._compare(hart)

    @msip.writes
    def _set_msip(self, value: int, hart: int) -> None:
        self.msip[hart] = value
        self.software[hart](bool(value))

    @mtimecmp.writes
    def _set_compare(self, value: int, hart: int) -> None:
        self.mtimecmp[hart] = value
        self._compare(hart)

    @mtime.reads
    def _time(self) -> int:
        return self.clock.ticks()

    @mtime.writes
    def _set_time(self, value: int) -> None:
        self.clock.set_ticks(value)
        for hart in range(self.harts):
            self._compare(hart)

    def _compare(self, hart: int) -> None:
        """Set a hart's timer line by the time that it is, and look again when the time has come."""
        due = self.mtimecmp[hart]
        reached = self.clock.ticks() >= due
        self.timer[hart](reached)
        if reached or due == NEVER:
            self.alarms[hart].cancel()
        else:
            self.alarms[hart].arm(self.clock.deadline(due))
