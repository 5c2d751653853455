"""The virtio console, by a driver in Python."""

from __future__ import annotations

import pytest

from pytcg.devices.virtio.console import EMERGENCY_OFFSET, RECEIVE, TRANSMIT, VirtioConsole
from pytcg.devices.virtio.device import NEEDS_RESET
from tests.devices.fakes import FakeChardev
from tests.devices.virtio_driver import CONFIG, NOTIFY, STATUS, Bench


class Board(Bench):
    """A console whose driver uses one of the queues."""

    def __init__(self, legacy: bool) -> None:
        super().__init__(VirtioConsole, legacy)
        assert isinstance(self.device, VirtioConsole)
        self.console = self.device
        self.host = FakeChardev()
        self.console.attach(self.host)


@pytest.fixture(params=[True, False], ids=["legacy", "modern"])
def board(request: pytest.FixtureRequest) -> Board:
    return Board(request.param)


def test_output(board: Board) -> None:
    board.start(queue=TRANSMIT)
    board.send(b"hello, ", b"world\n")
    assert board.host.output == b"hello, world\n"
    assert board.done() == [(0, 0)]


def test_a_slow_host_holds_output_up(board: Board) -> None:
    board.start(queue=TRANSMIT)
    board.host.limit = 4
    board.send(b"0123456789")
    assert board.host.output == b"0123" and board.done() == []
    board.host.limit = 100
    board.console.can_send()
    assert board.host.output == b"0123456789" and board.done() == [(0, 0)]


def test_a_reset_forgets_what_waits(board: Board) -> None:
    board.start(queue=TRANSMIT)
    board.host.limit = 0
    board.send(b"lost")
    board.host.limit = 100
    board.start(queue=TRANSMIT)
    board.send(b"next")
    assert board.host.output == b"next" and board.done() == [(0, 0)]


def test_input(board: Board) -> None:
    board.host.give(b"early ")
    board.start(queue=RECEIVE)
    at = board.send(8)
    assert board.done() == [(0, 6)] and board.peek(at, 6) == b"early "
    board.host.give(b"0123456789")
    assert board.done() == [] and board.host.input == b"0123456789"
    at = board.send(8)
    assert board.done() == [(0, 8)] and board.peek(at, 8) == b"01234567"
    assert board.host.input == b"89"


def test_room_for_input_that_is_none(board: Board) -> None:
    board.start(queue=RECEIVE)
    board.host.give(b"x")
    board.send(b"to read")
    assert board.read(STATUS) & NEEDS_RESET
    board.start(queue=RECEIVE)
    at = board.send(1)
    assert board.done() == [(0, 1)] and board.peek(at, 1) == b"x"


def test_the_configuration_and_an_emergency(board: Board) -> None:
    assert [board.read(CONFIG + at) for at in (0, 4, 8)] == [0, 1, 0]
    board.write(CONFIG + EMERGENCY_OFFSET, ord("!"))
    assert board.host.output == b"!"
    board.write(NOTIFY, 2)


def test_without_a_chardev_output_goes_nowhere() -> None:
    bench = Bench(VirtioConsole)
    bench.start(queue=TRANSMIT)
    bench.send(b"unheard")
    assert bench.done() == [(0, 0)]
