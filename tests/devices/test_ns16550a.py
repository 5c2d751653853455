"""16550A UART, as drivers use it."""

from __future__ import annotations

import pytest

from pytcg.devices.ns16550a import Ns16550a
from tests.devices.fakes import FakeChardev, FakeLine, FakeTime, wiring

DATA, IER, IIR, FCR, LCR, MCR, LSR, MSR, SCR = 0, 1, 2, 2, 3, 4, 5, 6, 7
DLL, DLM = 0, 1
IDLE = 0x60
NO_INTERRUPT = 0x01


class Board:
    def __init__(self, shift: int = 0) -> None:
        self.time = FakeTime()
        self.line = FakeLine()
        self.host = FakeChardev()
        properties = {"clock-frequency": (3686400).to_bytes(4, "big"), "reg-shift": shift.to_bytes(4, "big")}
        self.uart = Ns16550a.create(wiring(self.time, [self.line], chardev=self.host, properties=properties))
        self.shift = shift

    def read(self, register: int) -> int:
        return self.uart.read(register << self.shift, 1)

    def write(self, register: int, value: int) -> None:
        self.uart.write(register << self.shift, 1, value)

    def drain(self) -> bytes:
        """Poll for input, as a boot loader does."""
        data = bytearray()
        for _ in range(100):
            if self.read(LSR) & 1:
                data.append(self.read(DATA))
        return bytes(data)


@pytest.fixture
def board() -> Board:
    return Board()


def test_reset_state(board: Board) -> None:
    assert [board.read(register) for register in range(8)] == [0, 0, NO_INTERRUPT, 0, 0, IDLE, 0xB0, 0]
    assert not board.line.level


def test_output(board: Board) -> None:
    for byte in b"hi\r\n":
        assert board.read(LSR) & 0x20
        board.write(DATA, byte)
    assert board.host.output == b"hi\r\n"


def test_divisor_latch_hides_data_and_interrupt_enable(board: Board) -> None:
    board.write(IER, 0x05)
    board.write(LCR, 0x83)
    board.write(DLL, 2)
    board.write(DLM, 1)
    assert (board.read(DLL), board.read(DLM), board.read(LCR)) == (2, 1, 0x83)
    board.write(LCR, 3)
    assert board.read(IER) == 5
    assert board.host.output == b""


def test_kernel_probe(board: Board) -> None:
    """What Linux's 8250 driver looks at to tell a 16550A from its relatives."""
    board.write(IER, 0xFF)
    assert board.read(IER) == 0x0F
    board.write(IER, 0)
    board.write(MCR, 0x1A)
    assert board.read(MSR) & 0xF0 == 0x90
    board.write(MCR, 0)
    board.write(LCR, 0xBF)
    assert board.read(FCR) != 0, "no enhanced feature register"
    board.write(LCR, 0)
    board.write(FCR, 1)
    assert board.read(IIR) >> 6 == 3
    board.write(FCR, 0x21)
    assert not board.read(IIR) & 0x20, "no 64-byte FIFO"
    board.write(SCR, 0xA5)
    assert board.read(SCR) == 0xA5


def test_transmit_interrupt(board: Board) -> None:
    board.write(IER, 2)
    assert board.line.level
    assert board.read(IIR) == 0x02
    assert not board.line.level and board.read(IIR) == NO_INTERRUPT, "reading it clears it"
    board.write(IER, 2)
    assert not board.line.level, "it is enabled already"
    board.write(IER, 0)
    board.write(IER, 2)
    assert board.line.level, "enabling it while empty raises it"
    board.read(IIR)
    board.write(DATA, 65)
    assert board.line.level, "the byte has gone out"


def test_slow_host_holds_the_transmitter(board: Board) -> None:
    board.write(FCR, 1)
    board.write(IER, 2)
    board.read(IIR)
    board.host.limit = 2
    for byte in b"abcde":
        board.write(DATA, byte)
    assert board.host.output == b"ab"
    assert not board.read(LSR) & IDLE and not board.line.level
    board.host.limit = 100
    board.uart.can_send()
    assert board.host.output == b"abcde"
    assert board.read(LSR) & IDLE == IDLE and board.line.level


def test_receive_interrupt_at_the_trigger_level(board: Board) -> None:
    board.write(FCR, 0x81)
    board.write(IER, 1)
    board.host.give(b"1234567")
    assert not board.line.level
    board.host.give(b"8")
    assert board.line.level
    assert board.read(IIR) == 0xC4
    assert board.read(DATA) == ord("1")
    assert not board.line.level


def test_receive_timeout(board: Board) -> None:
    board.write(LCR, 0x83)
    board.write(DLL, 2)
    board.write(LCR, 0x03)
    board.write(FCR, 0x81)
    board.write(IER, 1)
    board.host.give(b"ab")
    board.time.advance(300_000)
    assert not board.line.level, "four characters at 115200 take 347 us"
    board.time.advance(50_000)
    assert board.line.level
    assert board.read(IIR) == 0xCC
    board.read(DATA)
    assert not board.line.level
    board.time.advance(350_000)
    assert board.read(IIR) == 0xCC
    board.read(DATA)
    board.time.advance(10**9)
    assert board.read(IIR) == 0xC1


def test_without_fifo_each_byte_interrupts(board: Board) -> None:
    board.write(FCR, 0xC0)
    board.write(IER, 1)
    board.host.give(b"ab")
    assert board.read(IIR) == 0x04
    assert board.read(DATA) == ord("a")
    assert board.line.level and board.read(DATA) == ord("b")
    assert not board.line.level and board.read(LSR) == IDLE


def test_input_waits_for_room(board: Board) -> None:
    data = bytes(range(100))
    board.write(FCR, 1)
    board.write(IER, 1)
    board.host.give(data)
    assert len(board.host.input) == 84
    got = bytearray()
    while board.read(LSR) & 1:
        got.append(board.read(DATA))
    assert got == data


def test_input_before_the_guest_listens_is_not_lost(board: Board) -> None:
    board.host.give(b"root\n")
    assert board.read(LSR) == IDLE and board.read(DATA) == 0
    assert board.drain() == b"root\n", "a guest that polls listens"
    board.host.give(b"more")
    assert board.read(LSR) & 1
    board.write(FCR, 1)
    board.write(FCR, 7)
    assert (board.read(LSR), board.read(DATA)) == (IDLE, 0), "the receiver is cleared"
    board.write(IER, 1)
    assert board.drain() == b"more"


def test_reset_returns_what_the_guest_has_not_read(board: Board) -> None:
    board.write(IER, 1)
    board.host.give(b"ab")
    board.uart.reset()
    assert board.read(IER) == 0 and not board.line.level
    assert board.drain() == b"ab"


def test_loopback(board: Board) -> None:
    board.write(FCR, 1)
    board.write(IER, 1)
    board.write(MCR, 0x10)
    board.host.give(b"host")
    for byte in b"loop":
        board.write(DATA, byte)
    assert board.host.output == b""
    assert [board.read(DATA) for _ in range(4)] == list(b"loop")
    board.write(DATA, 1)
    board.write(FCR, 7)
    board.write(MCR, 0)
    assert board.drain() == b"host", "what was looped back and cleared is gone"


def test_overrun(board: Board) -> None:
    board.write(FCR, 1)
    board.write(MCR, 0x10)
    board.write(IER, 4)
    for byte in range(17):
        board.write(DATA, byte)
    assert board.read(IIR) == 0xC6
    assert board.read(LSR) & 2
    assert not board.line.level and not board.read(LSR) & 2
    assert [board.read(DATA) for _ in range(16)] == list(range(16))
    board.write(FCR, 0)
    board.write(DATA, 1)
    board.write(DATA, 2)
    assert board.read(LSR) & 3 == 3 and board.read(DATA) == 2


def test_modem_status(board: Board) -> None:
    board.write(IER, 8)
    board.write(MCR, 0x1F)
    assert not board.line.level and board.read(MSR) == 0xF0, "only RI changed, and it counts when it ends"
    board.write(MCR, 0x10)
    assert board.line.level and board.read(IIR) == 0
    assert board.read(MSR) == 0x0F
    assert not board.line.level and board.read(MSR) == 0


def test_interrupt_priorities(board: Board) -> None:
    board.write(MCR, 0x10)
    board.read(MSR)
    board.write(IER, 0x0F)
    board.write(DATA, 1)
    board.write(DATA, 2)
    board.write(MCR, 0x11)
    seen = []
    for clear in (LSR, DATA, IIR, MSR):
        seen.append(board.read(IIR) if clear != IIR else 0x02)
        board.read(clear)
    assert seen == [0x06, 0x04, 0x02, 0x00]
    assert board.read(IIR) == NO_INTERRUPT


def test_reg_shift_and_wide_accesses() -> None:
    board = Board(shift=2)
    board.uart.write(SCR << 2, 4, 0x1A5)
    assert board.uart.read(SCR << 2, 4) == 0xA5
    assert board.read(LSR) == IDLE
    with pytest.raises(ValueError, match="reg-shift"):
        Board(shift=9)


def test_state_comes_back(board: Board) -> None:
    board.write(LCR, 0x80)
    board.write(DLL, 7)
    board.write(LCR, 0)
    board.write(IER, 1)
    board.host.give(b"x")
    board.write(LCR, 0x80)
    other = Board()
    other.uart.restore(board.uart.save())
    assert other.line.level and other.read(DLL) == 7
    other.write(LCR, 0)
    assert other.read(DATA) == ord("x")
