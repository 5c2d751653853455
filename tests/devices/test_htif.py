"""The host-target interface: its words lie in memory, wherever that is."""

from __future__ import annotations

import pytest

from pytcg.devices.base import Wiring
from pytcg.devices.htif import Htif
from pytcg.softmmu.regions import AddressSpace, BusError, Ram
from tests.devices.fakes import FakeChardev, FakeTime, wiring

BASE, FROMHOST, TOHOST, BLOCK = 0x80000000, 0x80001040, 0x80001FF8, 0x80002000
READ, WRITE = 1 << 56, 1 << 56 | 1 << 48


class Host:
    def __init__(self) -> None:
        self.chardev = FakeChardev()
        self.ended: list[int] = []
        self.wiring = wiring(
            FakeTime(), [], windows=[(FROMHOST, 8), (TOHOST, 8)], chardev=self.chardev, shutdown=self.ended.append
        )
        assert isinstance(self.wiring.memory, AddressSpace)
        self.memory = self.wiring.memory
        self.memory.add(Ram("ram", BASE, 0x4000))
        self.device = Htif.create(self.wiring)

    def call(self, value: int) -> int:
        """What is in tohost after a call."""
        self.memory.write(TOHOST, 8, value)
        return self.memory.read(TOHOST, 8)

    def answer(self) -> int:
        """What is in fromhost, which the guest then clears."""
        value = self.memory.read(FROMHOST, 8)
        self.memory.write(FROMHOST, 8, 0)
        return value


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.mark.parametrize(("call", "status"), [(1, 0), (3, 1), (11, 5), (841, 164), (513, 1), ((1 << 48) - 1, 255)])
def test_an_odd_call_of_the_system_ends_the_run(host: Host, call: int, status: int) -> None:
    assert host.call(call) == 0
    assert host.ended == [status]


def test_a_call_is_taken_when_its_upper_half_is_stored(host: Host) -> None:
    host.memory.write(TOHOST, 4, 7)
    assert (host.memory.read(TOHOST, 4), host.ended) == (7, [])
    host.memory.write(TOHOST + 4, 4, 0)
    assert (host.memory.read(TOHOST, 4), host.ended) == (0, [3])
    host.memory.write(TOHOST - 8, 8, 7)
    assert host.ended == [3]


def test_bytes_go_to_the_console_and_are_answered(host: Host) -> None:
    for byte in b"ok":
        assert host.call(WRITE | byte) == 0
        assert host.answer() == WRITE | 0x100 | byte
    assert host.chardev.output == b"ok"


def test_a_byte_waits_for_room(host: Host) -> None:
    host.chardev.limit = 0
    assert host.call(WRITE | 65) == WRITE | 65
    host.device.can_send()
    assert host.chardev.output == b""
    host.chardev.limit = 1
    host.device.can_send()
    assert (host.chardev.output, host.memory.read(TOHOST, 8), host.answer()) == (b"A", 0, WRITE | 0x100 | 65)


def test_a_byte_is_read_when_there_is_one_and_the_last_was_taken(host: Host) -> None:
    assert host.call(READ) == 0
    assert host.memory.read(FROMHOST, 8) == 0
    host.chardev.give(b"xyz")
    assert host.memory.read(FROMHOST, 8) == READ | 0x100 | ord("x")
    assert host.call(READ) == 0
    assert (host.answer(), host.answer()) == (READ | 0x100 | ord("x"), READ | 0x100 | ord("y"))
    assert (host.answer(), host.chardev.input) == (0, b"z")


def test_a_reset_forgets_who_was_waiting(host: Host) -> None:
    host.call(READ)
    host.memory.write(TOHOST, 4, 5)
    host.device.reset()
    host.chardev.give(b"x")
    assert (host.memory.read(FROMHOST, 8), host.memory.read(TOHOST, 8)) == (0, 0)


def system_call(host: Host, *arguments: int) -> int:
    for at, value in enumerate(arguments):
        host.memory.write(BLOCK + 8 * at, 8, value)
    assert host.call(BLOCK) == 0
    assert host.answer() == 1
    return host.memory.read(BLOCK, 8)


def test_the_system_call_that_writes(host: Host) -> None:
    host.memory.load(BLOCK + 0x100, b"a message")
    assert system_call(host, 64, 1, BLOCK + 0x100, 9) == 9
    assert system_call(host, 64, 2, BLOCK + 0x100, 0) == 0
    host.chardev.limit = 4
    assert system_call(host, 64, 2, BLOCK + 0x100, 9) == 4
    assert host.chardev.output == b"a messagea me"


@pytest.mark.parametrize("arguments", [(64, 3, BLOCK, 1), (63, 0, BLOCK, 1)])
def test_other_system_calls_are_not_there(host: Host, arguments: tuple[int, ...]) -> None:
    assert system_call(host, *arguments) == (1 << 64) - 38
    assert host.chardev.output == b""


@pytest.mark.parametrize("call", [2, BASE - 8, BASE + 0x3FF8, 2 << 56, 1 << 56 | 2 << 48, (1 << 64) - 2])
def test_what_makes_no_sense_is_done_with(host: Host, call: int) -> None:
    assert host.call(call) == 0
    assert (host.ended, host.chardev.output) == ([], b"")


def test_a_message_that_is_not_in_memory(host: Host) -> None:
    assert system_call(host, 64, 1, 16, 4) == 64


@pytest.mark.parametrize(("windows", "error"), [([], ValueError), ([(0x1000, 8)], BusError)])
def test_words_that_lie_nowhere(windows: list[tuple[int, int]], error: type[Exception]) -> None:
    connected: Wiring = wiring(FakeTime(), [], windows=windows)
    with pytest.raises(error):
        Htif.create(connected)
