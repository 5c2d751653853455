"""SiFive UART.

Source: SiFive FU540-C000 manual, chapter 13.
"""

from __future__ import annotations

from typing import Self

from pytcg.devices.base import Device, Line, Wiring
from pytcg.devices.chardev import Chardev
from pytcg.devices.registers import Register

FIFO_SIZE = 8
FULL = EMPTY = 1 << 31
TX_WATERMARK, RX_WATERMARK = 1, 2
#: enable, stop bits (of the transmitter alone), watermark
CONTROL = 0x7_0003


class SifiveUart(Device):
    """A UART whose line is as fast as the chardev; bytes of the host wait until the receiver is switched on."""

    compatible = ("sifive,uart0",)
    is_serial = True
    state = ("rx", "tx")

    txdata = Register(0x00, doc="a byte to send; read: bit 31, the FIFO is full")
    rxdata = Register(0x04, access="r", doc="the byte received; bit 31: there is none")
    txctrl = Register(0x08, mask=CONTROL, doc="bit 0: on; bits 16-18: watermark")
    rxctrl = Register(0x0C, mask=CONTROL & ~2, doc="bit 0: on; bits 16-18: watermark")
    ie = Register(0x10, mask=3, doc="which watermarks interrupt")
    ip = Register(0x14, access="r", doc="bit 0: fewer bytes to send than the watermark; bit 1: more received")
    div = Register(0x18, reset=0x21E, mask=0xFFFF, doc="divisor of the input clock for the line's rate")

    tx_on, tx_watermark = txctrl.field(0), txctrl.field(16, 3)
    rx_on, rx_watermark = rxctrl.field(0), rxctrl.field(16, 3)

    def __init__(self, line: Line, chardev: Chardev) -> None:
        self.line = line
        self.chardev = chardev
        self.rx = bytearray()
        super().__init__()
        chardev.connect(self)

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.irq(0), wiring.chardev)

    def reset(self) -> None:
        super().reset()
        self.chardev.unread(bytes(self.rx))
        self.rx = bytearray()
        self.tx = bytearray()
        self._update()

    def restored(self) -> None:
        self._update()

    # The chardev's side.

    def can_receive(self) -> int:
        return FIFO_SIZE - len(self.rx) if self.rx_on else 0

    def receive(self, data: bytes) -> None:
        self.rx += data
        self._update()

    def receive_break(self) -> None:
        # The line is low for a whole character, which this receiver takes for a zero: it checks no stop bit.
        if self.can_receive():
            self.receive(bytes(1))

    def can_send(self) -> None:
        if self.tx:
            self._transmit()

    # Registers.

    @txdata.reads
    def _room(self) -> int:
        return FULL if len(self.tx) >= FIFO_SIZE else 0

    @txdata.writes
    def _send(self, value: int) -> None:
        if len(self.tx) < FIFO_SIZE:
            self.tx.append(value & 0xFF)
        self._transmit()

    @rxdata.reads
    def _received(self) -> int:
        if not self.rx:
            return EMPTY
        byte = self.rx.pop(0)
        self._update()
        self.chardev.accept_input()
        return byte

    @txctrl.writes
    def _control_transmitter(self, value: int) -> None:
        self.txctrl = value
        self._transmit()

    @rxctrl.writes
    def _control_receiver(self, value: int) -> None:
        self.rxctrl = value
        self._update()
        self.chardev.accept_input()

    @ie.writes
    def _set_interrupts(self, value: int) -> None:
        self.ie = value
        self._update()

    @ip.reads
    def _pending(self) -> int:
        below = len(self.tx) < self.tx_watermark
        above = len(self.rx) > self.rx_watermark
        return (TX_WATERMARK if below else 0) | (RX_WATERMARK if above else 0)

    # Inside.

    def _transmit(self) -> None:
        if self.tx_on:
            count = min(len(self.tx), self.chardev.room())
            self.chardev.write(bytes(self.tx[:count]))
            del self.tx[:count]
        self._update()

    def _update(self) -> None:
        self.line(bool(self._pending() & self.ie))
