"""Core-local interruptors: software interrupts, the timer and its compare registers, in one block or in parts.

Source: SiFive FU540-C000 manual, chapter 9; RISC-V ACLINT specification 1.0, chapters 2 to 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Self

from pytcg.devices.base import Device, Line, Wiring
from pytcg.devices.registers import Register, RegisterArray
from pytcg.devices.wiring import Clock, Loop

NEVER = 0xFFFFFFFFFFFFFFFF


class Mswi(Device):
    """Machine-level software interrupts; `software` are the lines of the harts."""

    compatible: ClassVar[tuple[str, ...]] = ("riscv,aclint-mswi",)

    msip = RegisterArray(
        0x0, lambda self: [(len(self.software), 4)], mask=1, drives="software", doc="bit 0: the hart's interrupt"
    )

    def __init__(self, software: Sequence[Line]) -> None:
        self.software = software
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.irqs)

    def reset(self) -> None:
        super().reset()
        self.restored()

    def restored(self) -> None:
        for line, value in zip(self.software, self.msip, strict=True):
            line(bool(value))


class Sswi(Device):
    """Supervisor-level software interrupts: edges, which set the hart's SSIP."""

    compatible = ("riscv,aclint-sswi",)

    setssip = RegisterArray(
        0x0, lambda self: [(len(self.software), 4)], access="w", mask=1, drives="software", doc="bit 0: interrupt"
    )

    def __init__(self, software: Sequence[Line]) -> None:
        self.software = software
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.irqs)


class Mtimer(Device):
    """The timer; `timer` are the lines of the harts, `mtime` is the machine's clock."""

    compatible: ClassVar[tuple[str, ...]] = ("riscv,aclint-mtimer",)
    sizes = (4, 8)
    bank_is_window: ClassVar[bool] = True

    mtime = Register(0x0, width=8, bank=0, doc="guest time in ticks")
    mtimecmp = RegisterArray(
        0x0, lambda self: [(len(self.timer), 8)], 8, reset=NEVER, bank=1, doc="interrupt from this time on"
    )

    def __init__(self, timer: Sequence[Line], clock: Clock, loop: Loop) -> None:
        self.timer = timer
        self.clock = clock
        self.alarms = [loop.timer(partial(self._compare, hart)) for hart in range(len(timer))]
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.irqs, wiring.clock, wiring.loop)

    def reset(self) -> None:
        super().reset()
        self.restored()

    def restored(self) -> None:
        self._compare_all()

    def share_state(self) -> None:
        self.publish_time(Mtimer.mtime)

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
        self._compare_all()

    def _compare_all(self) -> None:
        for hart in range(len(self.timer)):
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


class Clint(Mswi, Mtimer):
    """Both for the machine level, in one window."""

    compatible = ("sifive,clint0", "riscv,clint0")
    bank_is_window = False

    mtimecmp = Mtimer.mtimecmp.moved(0x4000)
    mtime = Mtimer.mtime.moved(0xBFF8)

    def __init__(self, software: Sequence[Line], timer: Sequence[Line], clock: Clock, loop: Loop) -> None:
        self.software = software
        Mtimer.__init__(self, timer, clock, loop)

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        """Interrupts of the node: software and timer of each hart in turn."""
        return cls(wiring.irqs[0::2], wiring.irqs[1::2], wiring.clock, wiring.loop)

    def restored(self) -> None:
        Mswi.restored(self)
        Mtimer.restored(self)
