"""CLINT: software interrupts, the timer, its compare registers."""

from __future__ import annotations

import pytest

from pytcg.devices.clint import NEVER, Clint, Mswi, Mtimer, Sswi
from pytcg.softmmu.regions import BusError
from tests.devices.fakes import FakeLine, FakeTime, wiring

MTIMECMP = 0x4000
MTIME = 0xBFF8


class Board:
    def __init__(self, harts: int = 2) -> None:
        self.time = FakeTime()
        lines = [FakeLine() for _ in range(2 * harts)]
        self.software, self.timer = lines[0::2], lines[1::2]
        self.clint = Clint.create(wiring(self.time, lines))


@pytest.fixture
def board() -> Board:
    return Board()


def test_software_interrupts(board: Board) -> None:
    board.clint.write(4, 4, 0xFFFFFFFF)
    assert [line.level for line in board.software] == [False, True]
    assert board.clint.read(4, 4) == 1
    board.clint.write(4, 4, 0xFFFFFFFE)
    assert not board.software[1].level


def test_time(board: Board) -> None:
    assert board.clint.read(MTIME, 8) == board.time.ticks()
    board.clint.write(MTIME, 8, 0x1234_5678_9ABC_DEF0)
    assert board.clint.read(MTIME, 4) == 0x9ABCDEF0
    assert board.clint.read(MTIME + 4, 4) == 0x12345678
    board.clint.write(MTIME + 4, 4, 1)
    board.time.advance(1000)
    assert board.clint.read(MTIME, 8) == 0x1_9ABC_DEFA


def test_timer_interrupt_comes_at_its_time_and_goes_by_a_later_one(board: Board) -> None:
    now = board.clint.read(MTIME, 8)
    board.clint.write(MTIMECMP + 8, 8, now + 50)
    board.time.advance(4999)
    assert not board.timer[1].level
    board.time.advance(1)
    assert [line.level for line in board.timer] == [False, True]
    board.clint.write(MTIMECMP + 8, 8, now + 100)
    assert not board.timer[1].level
    board.time.advance(5000)
    assert board.timer[1].level


def test_compare_in_two_halves(board: Board) -> None:
    board.clint.write(MTIMECMP + 4, 4, 0)
    assert not board.timer[0].level
    board.clint.write(MTIMECMP, 4, 1)
    assert board.timer[0].level
    assert board.clint.read(MTIMECMP, 8) == 1


def test_no_interrupt_before_the_guest_sets_one(board: Board) -> None:
    assert not any(timer.deadline for timer in board.time.timers)
    board.time.advance(10**15)
    assert not any(line.level for line in board.timer)


def test_setting_the_time_moves_the_interrupt(board: Board) -> None:
    board.clint.write(MTIMECMP, 8, 10**9)
    board.clint.write(MTIME, 8, 10**9 - 1)
    assert not board.timer[0].level
    board.time.advance(100)
    assert board.timer[0].level
    board.clint.write(MTIME, 8, 0)
    assert not board.timer[0].level


def test_an_early_callback_arms_again(board: Board) -> None:
    board.clint.write(MTIMECMP, 8, board.time.ticks() + 10)
    board.time.timers[0].callback()
    assert not board.timer[0].level
    board.time.advance(1000)
    assert board.timer[0].level


def test_restored_state_has_its_interrupts(board: Board) -> None:
    board.clint.write(0, 4, 1)
    board.clint.write(MTIMECMP, 8, board.time.ticks() + 10)
    saved = board.clint.save()
    other = Board()
    other.clint.restore(saved)
    assert other.software[0].level
    other.time.advance(1000)
    assert other.timer[0].level
    other.clint.reset()
    assert not other.software[0].level and not other.timer[0].level


def test_access_sizes(board: Board) -> None:
    for size in (1, 2):
        with pytest.raises(BusError):
            board.clint.read(0, size)


class Aclint:
    """The same in parts."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.lines = [FakeLine() for _ in range(2)]
        self.mswi = Mswi.create(wiring(self.time, self.lines))
        self.mtimer = Mtimer.create(wiring(self.time, self.lines))
        self.sswi = Sswi.create(wiring(self.time, self.lines))


def test_software_interrupts_of_an_aclint() -> None:
    aclint = Aclint()
    aclint.mswi.write(4, 4, 3)
    assert aclint.mswi.read(4, 4) == 1 and [line.level for line in aclint.lines] == [False, True]
    aclint.mswi.reset()
    assert [line.level for line in aclint.lines] == [False, False]


def test_edges_of_an_aclint_read_as_zero_and_writing_zero_is_none() -> None:
    aclint = Aclint()
    aclint.sswi.write(0, 4, 0)
    assert not aclint.lines[0].level
    aclint.sswi.write(0, 4, 1)
    assert aclint.lines[0].level and aclint.sswi.read(0, 4) == 0


def test_the_timer_of_an_aclint_has_time_and_compare_registers_in_windows_of_their_own() -> None:
    aclint = Aclint()
    time, compare = aclint.mtimer.window(0), aclint.mtimer.window(1)
    assert time and compare and aclint.mtimer.window(2) is None
    compare.write(8, 8, time.read(0, 8) + 50)
    assert compare.read(0, 8) == NEVER
    aclint.time.advance(4999)
    assert not aclint.lines[1].level
    aclint.time.advance(1)
    assert [line.level for line in aclint.lines] == [False, True]
    time.write(0, 8, 0)
    assert not aclint.lines[1].level and compare.read(8, 8) != NEVER
