"""SiFive test finisher: ends or resets the machine. The tree's syscon-poweroff and syscon-reboot write to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pytcg.devices.base import Device, Wiring
from pytcg.devices.registers import Register

PASS = 0x5555
FAIL = 0x3333
RESET = 0x7777


class SifiveTest(Device):
    """Calls `shutdown` with an exit status, or `reset`."""

    compatible = ("sifive,test1", "sifive,test0")
    sizes = (2, 4)

    finish = Register(0x0, access="w", doc="bits 0-15: PASS, FAIL or RESET; bits 16-31: exit status of a failure")

    def __init__(self, shutdown: Callable[[int], None], reset: Callable[[], None]) -> None:
        self.shut_down = shutdown
        self.reset_machine = reset
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.shutdown, wiring.reset)

    @finish.writes
    def _finish(self, value: int) -> None:
        code = value & 0xFFFF
        if code == PASS:
            self.shut_down(0)
        elif code == FAIL:
            self.shut_down(value >> 16)
        elif code == RESET:
            self.reset_machine()
