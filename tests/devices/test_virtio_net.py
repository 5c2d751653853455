"""The virtio network card, by a driver in Python."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.devices.network import MAX_FRAME, MAX_WAITING, Network
from pytcg.devices.virtio.device import EVENT_IDX, NEEDS_RESET, VERSION_1
from pytcg.devices.virtio.net import (
    CONTROL,
    CONTROL_MAC,
    CONTROL_QUEUE,
    CONTROL_RX,
    MAC,
    MERGEABLE,
    MTU,
    OPTIONAL,
    RECEIVE,
    STATUS,
    TRANSMIT,
    VirtioNet,
)
from pytcg.devices.virtio.net_filter import BROADCAST, MODES, Filter
from tests.devices.virtio_driver import CONFIG, ISR, NUM_MAX, SEL, Bench
from tests.devices.virtio_driver import STATUS as STATUS_REGISTER

ADDRESS = bytes.fromhex("525400123456")
OTHER = bytes.fromhex("525400654321")
GROUP = bytes.fromhex("333300000001")


def frame(text: bytes, to: bytes = ADDRESS) -> bytes:
    return to + OTHER + b"\x08\x00" + text


class FakeNetwork(Network):
    """`sent` is what the guest sent; it takes `limit` frames."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.limit = 1 << 30
        self.closed = False

    def send(self, frame: bytes) -> bool:
        if self.limit:
            self.limit -= 1
            self.sent.append(frame)
            return True
        return False

    def close(self) -> None:
        self.closed = True


class Board(Bench):
    """A card whose driver uses one of the queues."""

    def __init__(self, legacy: bool, optional: int = OPTIONAL, mtu: int = 0) -> None:
        self.network = FakeNetwork()
        super().__init__(lambda host: VirtioNet(host, self.network, ADDRESS, optional, mtu), legacy)
        assert isinstance(self.device, VirtioNet)
        self.card = self.device

    @property
    def common(self) -> int:
        return 0 if self.legacy else VERSION_1

    def arrive(self, *frames: bytes) -> bool:
        """Frames come from the network; whether the card has taken them all."""
        for one in frames:
            self.network.hold(one)
        return self.network.deliver()


@pytest.fixture(params=[True, False], ids=["legacy", "modern"])
def board(request: pytest.FixtureRequest) -> Board:
    return Board(request.param)


def header(board: Board, merge: bool, buffers: int = 1) -> bytes:
    """What comes before a frame."""
    return bytes(10) + (struct.pack("<H", buffers) if merge or not board.legacy else b"")


@pytest.mark.parametrize("merge", [False, True])
def test_frames_go_out(board: Board, merge: bool) -> None:
    board.start(board.common | merge * MERGEABLE, queue=TRANSMIT)
    for buffers in ((header(board, merge), frame(b"one")), (header(board, merge) + frame(b"t"), b"wo")):
        board.send(*buffers)
    assert board.network.sent == [frame(b"one"), frame(b"two")]
    assert board.done() == [(0, 0), (0, 0)]


def test_a_busy_network_holds_frames_up(board: Board) -> None:
    board.start(board.common, queue=TRANSMIT)
    board.network.limit = 0
    board.send(header(board, False) + frame(b"late"))
    assert board.done() == []
    board.network.limit = 1
    board.card.can_send()
    assert board.network.sent == [frame(b"late")] and board.done() == [(0, 0)]


def test_a_reset_forgets_what_waits(board: Board) -> None:
    board.start(board.common, queue=TRANSMIT)
    board.network.limit = 0
    board.send(header(board, False) + frame(b"lost"))
    board.network.limit = 9
    board.start(board.common, queue=TRANSMIT)
    board.send(header(board, False) + frame(b"next"))
    assert board.network.sent == [frame(b"next")] and board.done() == [(0, 0)]


@pytest.mark.parametrize("size", [0, 13, MAX_FRAME + 1])
def test_what_is_no_frame_goes_nowhere(board: Board, size: int) -> None:
    board.start(board.common, queue=TRANSMIT)
    board.send(header(board, False) + bytes(size))
    assert board.network.sent == [] and board.done() == [(0, 0)]


@pytest.mark.parametrize("queue", [TRANSMIT, CONTROL])
def test_a_header_that_is_cut_off(board: Board, queue: int) -> None:
    board.start(board.common | CONTROL_QUEUE, queue=queue)
    board.send(b"\0")
    assert board.read(STATUS_REGISTER) & NEEDS_RESET
    board.start(board.common, queue=TRANSMIT)
    board.send(header(board, False) + frame(b"again"))
    assert board.network.sent == [frame(b"again")]


@pytest.mark.parametrize("merge", [False, True])
def test_frames_come_in(board: Board, merge: bool) -> None:
    board.start(board.common | merge * MERGEABLE, queue=RECEIVE)
    sent = frame(b"hello")
    at = board.send(1526)
    assert board.arrive(sent)
    whole = header(board, merge) + sent
    assert board.done() == [(0, len(whole))] and board.peek(at, len(whole)) == whole
    assert board.read(ISR) == 1 and board.line.level


def test_frames_wait_for_room(board: Board) -> None:
    board.start(board.common, queue=RECEIVE)
    frames = [frame(b"%d" % number) for number in range(3)]
    assert not board.arrive(*frames)
    for one in frames:
        at = board.send(1526)
        whole = header(board, False) + one
        assert board.done() == [(0, len(whole))] and board.peek(at, len(whole)) == whole
    assert board.network.deliver()
    board.send(1526)
    assert board.done() == []


def test_no_more_frames_wait_than_there_is_place_for(board: Board) -> None:
    board.start(board.common, queue=RECEIVE)
    board.arrive(*(frame(b"x") for _ in range(MAX_WAITING + 5)))
    assert len(board.network.waiting) == MAX_WAITING


def test_a_frame_in_several_requests(board: Board) -> None:
    """All are given back at once, when there are enough of them."""
    board.start(board.common | MERGEABLE, queue=RECEIVE)
    sent = frame(bytes(range(40)))
    whole = header(board, True, 3) + sent
    for number in range(3):
        board.describe((0x80020000 + 32 * number, 32, 2, 0), first=number)
        assert board.done() == []
        if number == 0:
            assert board.network.deliver() and not board.arrive(sent)
        board.offer(number)
        board.notify()
    assert board.done() == [(0, 32), (1, 32), (2, len(whole) - 64)]
    assert board.peek(0x80020000, len(whole)) == whole


def test_a_frame_that_no_request_is_long_enough_for(board: Board) -> None:
    board.start(board.common, queue=RECEIVE)
    board.send(64)
    assert board.arrive(frame(bytes(100)))
    assert board.done() == []
    short = frame(b"short")
    assert board.arrive(short)
    assert board.done() == [(0, len(header(board, False)) + len(short))]


def test_room_for_input_that_is_none(board: Board) -> None:
    board.start(board.common, queue=RECEIVE)
    board.arrive(frame(b"x"))
    board.send(b"to read")
    assert board.read(STATUS_REGISTER) & NEEDS_RESET
    assert board.arrive(frame(b"lost"))


def test_nothing_comes_before_there_is_a_driver(board: Board) -> None:
    assert board.arrive(frame(b"early"))


def test_notifications_are_asked_for_when_the_queue_is_empty(board: Board) -> None:
    board.start(board.common | EVENT_IDX, queue=RECEIVE)
    event = board.used + 4 + 8 * board.size
    board.send(1526)
    assert board.arrive(frame(b"x")) and board.peek(event, 2) == b"\0\0"
    assert not board.arrive(frame(b"y")) and board.peek(event, 2) == b"\1\0"


def test_the_configuration(board: Board) -> None:
    assert bytes(board.read(CONFIG + at, 1) for at in range(12)) == ADDRESS + b"\1\0\1\0\0\0"
    assert board.offered() & (MAC | OPTIONAL | MTU) == MAC | OPTIONAL
    other = Board(board.legacy, 0, mtu=1400)
    assert other.read(CONFIG + 10, 2) == 1400
    assert other.offered() & (MAC | OPTIONAL | MTU) == MAC | MTU
    other.write(SEL, CONTROL)
    assert other.read(NUM_MAX) == 0
    other.card.close()
    assert other.network.closed


def test_the_cable_is_plugged_in_and_out(board: Board) -> None:
    board.start(board.common | STATUS, queue=TRANSMIT)
    board.card.set_link(False)
    assert (board.read(CONFIG + 6, 2), board.read(ISR)) == (0, 2)
    board.send(header(board, False) + frame(b"lost"))
    assert board.arrive(frame(b"lost"))
    board.card.set_link(True)
    board.send(header(board, False) + frame(b"sent"))
    assert board.read(CONFIG + 6, 2) == 1 and board.network.sent == [frame(b"sent")]


def test_a_driver_of_old_writes_its_address(board: Board) -> None:
    board.start(board.common)
    for at, byte in enumerate(OTHER):
        board.write(CONFIG + at, byte, 1)
    assert board.card.filter.address == (OTHER if board.legacy else ADDRESS)
    board.start(board.common | CONTROL_MAC)
    board.write(CONFIG, 0xFF, 1)
    assert board.card.filter.address == ADDRESS


def table(*addresses: bytes) -> bytes:
    return struct.pack("<I", len(addresses)) + b"".join(addresses)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (b"\0\0\1", 0),
        (b"\0\5\0", 0),
        (b"\0\6\0", 1),
        (b"\0\0", 1),
        (b"\1\1" + OTHER, 0),
        (b"\1\1" + OTHER[:5], 1),
        (b"\1\0" + table(OTHER) + table(GROUP, BROADCAST), 0),
        (b"\1\0" + table(OTHER), 1),
        (b"\1\0" + table(OTHER) + b"\1\0\0", 1),
        (b"\1\0" + b"\xff\xff\xff\xff" + OTHER, 1),
        (b"\1\0" + table() + table() + b"more", 1),
        (b"\2\0\0\0", 1),
        (b"\1\2", 1),
    ],
)
def test_commands(board: Board, command: bytes, status: int) -> None:
    board.start(board.common | CONTROL_QUEUE | CONTROL_RX | CONTROL_MAC, queue=CONTROL)
    at = board.send(command, 1)
    assert board.done() == [(0, 1)] and board.peek(at + len(command), 1) == bytes([status])


def test_a_command_without_room_for_its_status(board: Board) -> None:
    board.start(board.common | CONTROL_QUEUE, queue=CONTROL)
    board.send(b"\0\0\0")
    assert board.read(STATUS_REGISTER) & NEEDS_RESET


def test_a_card_takes_what_the_driver_wants(board: Board) -> None:
    board.start(board.common, queue=RECEIVE)
    board.card.filter.command(0, MODES.index("promiscuous"), b"\0")
    board.send(1526)
    for to in (OTHER, GROUP):
        assert board.arrive(frame(b"", to))
    assert board.done() == []
    saved = board.card.save()
    board.card.reset()
    assert board.card.filter.modes["promiscuous"]
    board.card.restore(saved)
    assert not board.card.filter.modes["promiscuous"]


@given(
    modes=st.sets(st.sampled_from(MODES)),
    known=st.booleans(),
    to=st.sampled_from([ADDRESS, OTHER, GROUP, BROADCAST]),
)
def test_the_filter(modes: set[str], known: bool, to: bytes) -> None:
    """By the sentences of sections 5.1.6.5.1 and 5.1.6.5.2."""
    filter = Filter(ADDRESS)
    for number, name in enumerate(MODES):
        assert filter.command(0, number, bytes([name in modes]))
    if known:
        assert filter.command(1, 0, table(OTHER) + table(GROUP))
    kind = "broadcast" if to == BROADCAST else "multicast" if to == GROUP else "unicast"
    wanted = {"broadcast": True, "multicast": known, "unicast": known or to == ADDRESS}[kind]
    expected = (wanted or f"all_{kind}" in modes) and f"no_{kind}" not in modes
    assert filter.takes(frame(b"", to)) == ("promiscuous" in modes or expected)


def test_a_long_burst_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(False)
    board.start(VERSION_1, queue=TRANSMIT)
    later: list[object] = []
    monkeypatch.setattr(board.card.host.loop, "call_soon", later.append)
    monkeypatch.setattr("pytcg.devices.virtio.net.BURST", 2)
    data = header(board, False) + frame(b"x")
    board.poke(0x80020000, data)
    board.describe((0x80020000, len(data), 0, 0))
    for _ in range(3):
        board.offer(0)
    board.notify()
    turns = 0
    while later:
        action = later.pop(0)
        assert callable(action)
        action()
        turns += 1
    assert (turns, len(board.network.sent)) == (2, 3)
