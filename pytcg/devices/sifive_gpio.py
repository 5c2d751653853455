"""SiFive GPIO controller.

Source: SiFive FU540-C000 manual, chapter 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pytcg.devices.base import Line, PinController, Wiring
from pytcg.devices.registers import Register

PINS = 16
ALL = (1 << PINS) - 1


class SifiveGpio(PinController):
    """Sixteen pins, each with an interrupt. A pin that is no output is low: nothing else drives it."""

    compatible = ("sifive,gpio0",)
    state = ("levels", "outputs", "driven")

    input_val = Register(0x00, access="r", doc="levels of the pins that are inputs")
    input_en = Register(0x04, mask=ALL, doc="which pins are inputs")
    output_en = Register(0x08, mask=ALL, doc="which pins are outputs")
    output_val = Register(0x0C, mask=ALL, doc="levels of the outputs")
    pue = Register(0x10, mask=ALL, doc="pull-ups")
    ds = Register(0x14, mask=ALL, doc="drive strengths")
    rise_ie = Register(0x18, mask=ALL, doc="which inputs interrupt when they have risen")
    rise_ip = Register(0x1C, mask=ALL, access="rc", doc="inputs that have risen")
    fall_ie = Register(0x20, mask=ALL, doc="which inputs interrupt when they have fallen")
    fall_ip = Register(0x24, mask=ALL, access="rc", doc="inputs that have fallen")
    high_ie = Register(0x28, mask=ALL, doc="which inputs interrupt when they have been high")
    high_ip = Register(0x2C, mask=ALL, access="rc", doc="inputs that have been high")
    low_ie = Register(0x30, mask=ALL, doc="which inputs interrupt when they have been low")
    low_ip = Register(0x34, mask=ALL, access="rc", doc="inputs that have been low")
    out_xor = Register(0x40, mask=ALL, doc="outputs to invert")

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.watchers: list[tuple[int, Line]] = []
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.irqs)

    def reset(self) -> None:
        super().reset()
        self.levels = self.outputs = self.driven = 0
        self._look()

    def restored(self) -> None:
        self._look()

    def on_output(self, pin: int, line: Line) -> None:
        if pin >= PINS:
            super().on_output(pin, line)
        self.watchers.append((1 << pin, line))

    def write(self, offset: int, size: int, value: int) -> None:
        super().write(offset, size, value)
        self._look()

    @input_val.reads
    def _inputs(self) -> int:
        return self.levels

    def _look(self) -> None:
        """See to what follows from the registers: outputs, the inputs that read them back, interrupts."""
        outputs = (self.output_val ^ self.out_xor) & self.output_en
        changed = self.outputs ^ outputs | self.output_en & ~self.driven
        self.outputs, self.driven = outputs, self.output_en
        levels = outputs & self.input_en
        self.rise_ip |= levels & ~self.levels
        self.fall_ip |= self.levels & ~levels
        self.high_ip |= levels
        self.low_ip |= ~levels & self.input_en
        self.levels = levels
        pending = (
            self.rise_ip & self.rise_ie
            | self.fall_ip & self.fall_ie
            | self.high_ip & self.high_ie
            | self.low_ip & self.low_ie
        )
        for pin, line in enumerate(self.lines):
            line(bool(pending >> pin & 1))
        for pin, line in self.watchers:
            if changed & pin:
                line(bool(outputs & pin))
