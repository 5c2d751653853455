"""16550A UART.

Source: National Semiconductor PC16550D data sheet, section 8; device-tree binding serial/8250.yaml.
"""

from __future__ import annotations

from typing import Self

from pytcg.devices.base import Device, Line, Wiring
from pytcg.devices.chardev import Chardev
from pytcg.devices.registers import Register
from pytcg.devices.wiring import Clock, Loop

FIFO_SIZE = 16
TRIGGERS = (1, 4, 8, 14)

IER_RDA, IER_THRE, IER_LINE, IER_MODEM = 1, 2, 4, 8
IIR_NONE, IIR_MODEM, IIR_THRE, IIR_RDA, IIR_LINE, IIR_TIMEOUT, IIR_FIFO = 0x1, 0x0, 0x2, 0x4, 0x6, 0xC, 0xC0
FCR_ENABLE, FCR_CLEAR_RX, FCR_CLEAR_TX = 1, 2, 4
LSR_READY, LSR_OVERRUN, LSR_BREAK, LSR_THRE, LSR_IDLE = 0x01, 0x02, 0x10, 0x20, 0x40
MSR_DELTAS, MSR_RI_ENDED, MSR_PRESENT = 0x0F, 0x04, 0xB0

#: so many line status reads without the receive interrupt show that the guest polls for input
POLLS_OF_A_LISTENER = 16


class Ns16550a(Device):
    """A UART whose line is as fast as the chardev; only the receive timeout goes by the divisor.

    `input_hz` is the rate of the input clock, `shift` the binding's reg-shift. Bytes from the host are held back until
    the guest listens, and come again when it clears the receiver: drivers do that while they start, and no input may
    be lost by it.
    """

    compatible = ("ns16550a", "ns16550")
    is_serial = True
    sizes = (1, 2, 4, 8)
    state = (
        *("rx", "tx", "looped", "overrun", "broken", "timed_out", "thre_event", "modem", "fifo_on", "trigger", "polls"),
    )

    rbr = Register(0, 1, "r", bank=0, doc="receive buffer")
    thr = Register(0, 1, "w", bank=0, doc="transmit holding")
    ier = Register(1, 1, mask=0x0F, bank=0, doc="interrupt enable")
    dll = Register(0, 1, reset=0x0C, bank=1, doc="divisor latch, low half")
    dlm = Register(1, 1, bank=1, doc="divisor latch, high half")
    iir = Register(2, 1, "r", doc="interrupt identification")
    fcr = Register(2, 1, "w", doc="FIFO control")
    lcr = Register(3, 1, doc="line control")
    mcr = Register(4, 1, mask=0x1F, doc="modem control")
    lsr = Register(5, 1, "r", doc="line status")
    msr = Register(6, 1, "r", doc="modem status")
    scr = Register(7, 1, doc="scratch")

    word_length, stop_bits, parity, dlab = lcr.field(0, 2), lcr.field(2), lcr.field(3), lcr.field(7)
    loopback = mcr.field(4)

    def __init__(
        self, line: Line, chardev: Chardev, clock: Clock, loop: Loop, input_hz: int = 1843200, shift: int = 0
    ) -> None:
        self.line = line
        self.chardev = chardev
        self.clock = clock
        self.input_hz = input_hz
        self.shift = shift
        self.timer = loop.timer(self._receive_timeout)
        self.rx = bytearray()
        #: the receiver holds bytes of the guest's own, sent in loopback
        self.looped = False
        super().__init__()
        chardev.connect(self)

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        hz, shift = wiring.number("clock-frequency", 1843200), wiring.number("reg-shift", 0)
        if hz == 0 or shift > 3:
            raise ValueError(f"a UART with clock-frequency {hz} and reg-shift {shift} cannot be")
        return cls(wiring.irq(0), wiring.chardev, wiring.clock, wiring.loop, hz, shift)

    def reset(self) -> None:
        super().reset()
        self.bank = 0
        self.tx = bytearray()
        self.overrun = False
        #: a break came in: the line status is to tell
        self.broken = False
        #: the transmitter ran empty, and the guest has not been told yet
        self.thre_event = False
        self.modem = MSR_PRESENT
        self.fifo_on = False
        self.trigger = 1
        self._clear_receiver()
        self._update()

    def restored(self) -> None:
        self.bank = self.dlab
        self._time_receiver()
        self._update()

    # The chardev's side.

    def can_receive(self) -> int:
        listening = self.ier & IER_RDA or self.polls >= POLLS_OF_A_LISTENER
        return max(self._depth() - len(self.rx), 0) if listening and not self.loopback else 0

    def receive(self, data: bytes) -> None:
        for byte in data:
            self._push(byte)
        self._time_receiver()
        self._update()

    def receive_break(self) -> None:
        """A break is received as a zero byte with its bit of the line status."""
        self.broken = True
        self.receive(b"\0")

    def can_send(self) -> None:
        if self.tx:
            self._transmit()

    # Registers.

    @rbr.reads
    def _read_data(self) -> int:
        if not self.rx:
            return 0
        byte = self.rx.pop(0)
        self.timed_out = False
        self._time_receiver()
        self._update()
        if not self.rx:
            self.looped = False
            self.chardev.accept_input()
        return byte

    @thr.writes
    def _write_data(self, value: int) -> None:
        self.thre_event = False
        if self.loopback:
            self.looped = True
            self.thre_event = True
            self.receive(bytes((value,)))
            return
        if len(self.tx) < self._depth():
            self.tx.append(value)
        self._transmit()

    @thr.posted
    def _write_posted(self, values: list[int]) -> None:
        if self.loopback:
            for value in values:
                self._write_data(value)
        else:
            # The guest has seen an empty transmitter before each of them.
            self.thre_event = False
            self.tx += bytes(values)
            self._transmit()

    @ier.writes
    def _set_interrupts(self, value: int) -> None:
        if value & ~self.ier & IER_THRE and not self.tx:
            self.thre_event = True
        self.ier = value
        self._update()
        if value & IER_RDA:
            self.chardev.accept_input()

    @iir.reads
    def _identify(self) -> int:
        cause = self._cause()
        if cause == IIR_THRE:
            self.thre_event = False
            self._update()
        return cause | (IIR_FIFO if self.fifo_on else 0)

    @fcr.writes
    def _control_fifos(self, value: int) -> None:
        on = bool(value & FCR_ENABLE)
        switched = on != self.fifo_on
        self.fifo_on = on
        # Without the enable bit the others are not programmed.
        self.trigger = TRIGGERS[value >> 6] if on else 1
        if switched or (on and value & FCR_CLEAR_TX):
            self.thre_event |= bool(self.tx)
            self.tx.clear()
        if switched or (on and value & FCR_CLEAR_RX):
            self._clear_receiver()
        self._update()

    @lcr.writes
    def _set_line_control(self, value: int) -> None:
        self.lcr = value
        self.bank = self.dlab
        self.share_state()

    @mcr.writes
    def _set_modem_control(self, value: int) -> None:
        was_looped = self.loopback
        self.mcr = value
        lines = MSR_PRESENT
        if self.loopback:
            # DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD.
            lines = (value & 1) << 5 | (value & 2) << 3 | (value & 0xC) << 4
        changed = (self.modem ^ lines) >> 4
        if lines >> 4 & MSR_RI_ENDED:
            changed &= ~MSR_RI_ENDED
        self.modem = lines | self.modem & MSR_DELTAS | changed
        self._update()
        if was_looped and not self.loopback:
            self.chardev.accept_input()

    @lsr.reads
    def _line_status(self) -> int:
        status = self._status()
        if self.polls < POLLS_OF_A_LISTENER:
            self.polls += 1
            if self.polls == POLLS_OF_A_LISTENER:
                self.chardev.accept_input()
                self.share_state()
        if self.overrun:
            status |= LSR_OVERRUN
        if self.broken:
            status |= LSR_BREAK
        if self.overrun or self.broken:
            self.overrun = self.broken = False
            self._update()
        return status

    @msr.reads
    def _modem_status(self) -> int:
        status = self.modem
        self.modem &= ~MSR_DELTAS
        self._update()
        return status

    # Inside.

    def _depth(self) -> int:
        return FIFO_SIZE if self.fifo_on else 1

    def _push(self, byte: int) -> None:
        """A byte has come in. Overrun: a FIFO keeps what it has, the single buffer is overwritten."""
        if len(self.rx) < self._depth():
            self.rx.append(byte)
            return
        self.overrun = True
        if not self.fifo_on:
            self.rx[0] = byte

    def _clear_receiver(self) -> None:
        if self.rx and not self.looped:
            self.chardev.unread(bytes(self.rx))
        self.rx.clear()
        self.looped = False
        self.timed_out = False
        #: reads of the line status since the receiver was cleared, as far as they matter
        self.polls = 0
        self.timer.cancel()
        self.chardev.accept_input()

    def _transmit(self) -> None:
        count = min(len(self.tx), self.chardev.room())
        self.chardev.write(bytes(self.tx[:count]))
        del self.tx[:count]
        if not self.tx:
            self.thre_event = True
        self._update()

    def _time_receiver(self) -> None:
        """Bytes below the trigger level interrupt after four characters' time without a byte coming or going."""
        if self.rx and self.fifo_on:
            bits = 7 + self.word_length + self.stop_bits + self.parity
            divisor = self.dlm << 8 | self.dll or 1
            self.timer.arm(self.clock.deadline_ns(self.clock.ns() + 4 * bits * 16 * divisor * 10**9 // self.input_hz))
        else:
            self.timer.cancel()

    def _receive_timeout(self) -> None:
        self.timed_out = bool(self.rx)
        self._update()

    def _cause(self) -> int:
        """The interrupt of the highest priority, as iir tells it."""
        enabled = self.ier
        if enabled & IER_LINE and (self.overrun or self.broken):
            return IIR_LINE
        if enabled & IER_RDA and len(self.rx) >= self.trigger:
            return IIR_RDA
        if enabled & IER_RDA and self.timed_out:
            return IIR_TIMEOUT
        if enabled & IER_THRE and self.thre_event:
            return IIR_THRE
        if enabled & IER_MODEM and self.modem & MSR_DELTAS:
            return IIR_MODEM
        return IIR_NONE

    def _update(self) -> None:
        self.line(self._cause() != IIR_NONE)
        self.share_state()

    def share_state(self) -> None:
        """Tell what machine code may do: poll the line status, and send, unless that has other effects."""
        quiet = not self.overrun and not self.broken and self.polls >= POLLS_OF_A_LISTENER
        self.publish(Ns16550a.lsr, self._status() if quiet else None)
        # The transmitter is empty, the guest need not be told again, and what is written is not received.
        idle = self.thre_event and not self.tx and not self.ier & IER_THRE
        self.post(Ns16550a.thr, bool(idle and not self.loopback and not self.dlab))

    def _status(self) -> int:
        """The line status, but for errors of reception."""
        return (LSR_READY if self.rx else 0) | (0 if self.tx else LSR_THRE | LSR_IDLE)
