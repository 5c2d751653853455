"""Devices of the FU540: UART, GPIO controller, clocks."""

from __future__ import annotations

import pytest

from pytcg.devices.sifive_gpio import SifiveGpio
from pytcg.devices.sifive_prci import SifivePrci
from pytcg.devices.sifive_uart import SifiveUart
from tests.devices.fakes import FakeChardev, FakeLine, FakeTime, wiring

TXDATA, RXDATA, TXCTRL, RXCTRL, IE, IP, DIV = range(0, 0x1C, 4)
FULL = EMPTY = 1 << 31
ON = 1
INPUT_VAL, INPUT_EN, OUTPUT_EN, OUTPUT_VAL, RISE_IE, RISE_IP = 0x00, 0x04, 0x08, 0x0C, 0x18, 0x1C
FALL_IP, HIGH_IE, HIGH_IP, LOW_IP, OUT_XOR = 0x24, 0x28, 0x2C, 0x34, 0x40


class Uart:
    def __init__(self) -> None:
        self.line, self.chardev = FakeLine(), FakeChardev()
        self.device = SifiveUart.create(wiring(FakeTime(), [self.line], chardev=self.chardev))

    def read(self, offset: int) -> int:
        return self.device.read(offset, 4)

    def write(self, offset: int, value: int) -> None:
        self.device.write(offset, 4, value)


@pytest.fixture
def uart() -> Uart:
    return Uart()


def test_a_transmitter_that_is_off_keeps_eight_bytes(uart: Uart) -> None:
    for byte in b"ABCDEFGHI":
        uart.write(TXDATA, byte)
    assert uart.read(TXDATA) == FULL and uart.chardev.output == b""
    uart.write(TXCTRL, ON)
    assert uart.read(TXDATA) == 0 and uart.chardev.output == b"ABCDEFGH"


def test_a_slow_chardev_fills_the_fifo_and_is_sent_the_rest_later(uart: Uart) -> None:
    uart.write(TXCTRL, ON | 2 << 16)
    uart.write(IE, 1)
    uart.chardev.limit = 1
    uart.write(TXDATA, ord("a"))
    assert uart.line.level
    uart.write(TXDATA, ord("b"))
    uart.write(TXDATA, ord("c"))
    assert not uart.line.level and uart.read(IP) == 0
    uart.chardev.limit = 8
    uart.device.can_send()
    assert uart.chardev.output == b"abc" and uart.read(IP) == 1 and uart.line.level


def test_bytes_wait_for_the_receiver_and_interrupt_above_the_watermark(uart: Uart) -> None:
    uart.chardev.give(b"0123456789")
    assert uart.read(RXDATA) == EMPTY
    uart.write(IE, 2)
    uart.write(RXCTRL, ON | 7 << 16)
    assert uart.line.level and uart.chardev.input == b"89"
    assert uart.read(RXDATA) == ord("0") and uart.line.level, "another byte came in"
    assert uart.read(RXDATA) == ord("1") and uart.line.level
    assert uart.read(RXDATA) == ord("2") and not uart.line.level
    assert bytes(uart.read(RXDATA) for _ in range(7)) == b"3456789"
    assert uart.read(RXDATA) == EMPTY


def test_a_break_is_a_zero(uart: Uart) -> None:
    uart.write(RXCTRL, ON)
    uart.device.receive_break()
    assert [uart.read(RXDATA), uart.read(RXDATA)] == [0, EMPTY]


def test_a_reset_gives_back_what_was_not_read(uart: Uart) -> None:
    uart.write(RXCTRL, ON)
    uart.chardev.give(b"xy")
    uart.device.reset()
    assert uart.chardev.input == b"xy" and uart.read(RXCTRL) == 0
    uart.write(RXCTRL, ON)
    assert [uart.read(RXDATA), uart.read(RXDATA)] == [ord("x"), ord("y")]


def test_state_of_the_uart_is_saved_and_restored(uart: Uart) -> None:
    uart.write(RXCTRL, ON)
    uart.write(DIV, 0x1_0003)
    uart.write(IE, 2)
    uart.chardev.give(b"z")
    saved = uart.device.save()
    other = Uart()
    other.device.restore(saved)
    assert other.line.level and other.read(DIV) == 3 and other.read(RXDATA) == ord("z")


class Gpio:
    def __init__(self) -> None:
        self.lines = [FakeLine() for _ in range(16)]
        self.device = SifiveGpio.create(wiring(FakeTime(), self.lines))

    def pending(self) -> list[int]:
        return [pin for pin, line in enumerate(self.lines) if line.level]


def test_outputs_are_read_back_and_interrupt_by_edge_and_level() -> None:
    gpio = Gpio()
    for offset, value in ((OUTPUT_EN, 0x30), (INPUT_EN, 0x11), (RISE_IE, 0xFFFF), (OUTPUT_VAL, 0x30)):
        gpio.device.write(offset, 4, value)
    assert gpio.device.read(INPUT_VAL, 4) == 0x10 and gpio.pending() == [4]
    assert gpio.device.read(LOW_IP, 4) == 0x11, "low before it was driven"
    gpio.device.write(RISE_IP, 4, 0xFFEF)
    assert gpio.pending() == [4]
    gpio.device.write(RISE_IP, 4, 0x10)
    assert gpio.pending() == [] and gpio.device.read(FALL_IP, 4) == 0
    gpio.device.write(HIGH_IE, 4, 0x10)
    gpio.device.write(HIGH_IP, 4, 0x10)
    assert gpio.pending() == [4], "still high"
    gpio.device.write(OUT_XOR, 4, 0x10)
    gpio.device.write(HIGH_IP, 4, 0x10)
    assert gpio.pending() == [] and gpio.device.read(FALL_IP, 4) == 0x10


def test_a_watched_pin_tells_each_change_and_when_it_is_first_driven() -> None:
    gpio = Gpio()
    seen: list[bool] = []
    gpio.device.on_output(10, seen.append)
    gpio.device.write(OUTPUT_VAL, 4, 1 << 9)
    assert seen == []
    gpio.device.write(OUTPUT_EN, 4, 1 << 10)
    assert seen == [False]
    for value in (1 << 10, 1 << 10 | 1, 0):
        gpio.device.write(OUTPUT_VAL, 4, value)
    assert seen == [False, True, False]
    with pytest.raises(ValueError, match="no pin 16"):
        gpio.device.on_output(16, seen.append)


@pytest.mark.parametrize("pll", [0x08, 0x0C, 0x1C])
def test_a_pll_has_locked_whatever_is_written(pll: int) -> None:
    device = SifivePrci()
    device.write(pll, 4, 0x1234)
    assert device.read(pll, 4) == 1 << 31 | 0x1234


def test_oscillators_run() -> None:
    device = SifivePrci()
    device.write(4, 4, 0)
    assert device.read(4, 4) == 1 << 31
