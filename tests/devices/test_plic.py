"""PLIC: gateways, priorities, enables, thresholds, claim and complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.devices.plic import Plic
from tests.devices.fakes import FakeLine, FakeTime, wiring

SOURCES = 95


def threshold(context: int) -> int:
    return 0x200000 + 0x1000 * context


def claim(context: int) -> int:
    return 0x200004 + 0x1000 * context


class Board:
    def __init__(self) -> None:
        self.targets = [FakeLine(), FakeLine()]
        properties = {"riscv,ndev": SOURCES.to_bytes(4, "big")}
        self.plic = Plic.create(wiring(FakeTime(), self.targets, properties=properties))

    def enable(self, context: int, source: int, priority: int = 1) -> None:
        self.plic.write(4 * source, 4, priority)
        address = 0x2000 + 0x80 * context + 4 * (source // 32)
        self.plic.write(address, 4, self.plic.read(address, 4) | 1 << source % 32)

    def pending(self, source: int) -> bool:
        return bool(self.plic.read(0x1000 + 4 * (source // 32), 4) >> source % 32 & 1)


@pytest.fixture
def board() -> Board:
    return Board()


def test_level_claim_complete(board: Board) -> None:
    board.enable(1, 40)
    line = board.plic.line(40)
    line(True)
    assert board.pending(40)
    assert [target.level for target in board.targets] == [False, True]
    assert board.plic.read(claim(1), 4) == 40
    assert not board.pending(40) and not board.targets[1].level
    assert board.plic.read(claim(1), 4) == 0
    board.plic.write(claim(1), 4, 40)
    assert board.targets[1].level, "the level is still there"
    board.plic.read(claim(1), 4)
    line(False)
    board.plic.write(claim(1), 4, 40)
    assert not board.pending(40) and not board.targets[1].level


def test_a_request_outlives_its_level(board: Board) -> None:
    board.enable(0, 3)
    line = board.plic.line(3)
    line(True)
    line(False)
    assert board.plic.read(claim(0), 4) == 3


def test_no_new_request_before_completion(board: Board) -> None:
    board.enable(0, 3)
    line = board.plic.line(3)
    line(True)
    board.plic.read(claim(0), 4)
    line(False)
    line(True)
    assert not board.pending(3)
    board.plic.write(claim(0), 4, 3)
    assert board.pending(3)


def test_completion_needs_the_source_to_be_enabled_and_valid(board: Board) -> None:
    board.enable(0, 3)
    board.plic.line(3)(True)
    board.plic.read(claim(0), 4)
    for context, source in ((1, 3), (0, 4), (0, 0), (0, 0xFFFFFFFF)):
        board.plic.write(claim(context), 4, source)
        assert not board.pending(3)


def test_priority_then_number_decides(board: Board) -> None:
    for source, priority in ((9, 2), (5, 2), (70, 7), (1, 0)):
        board.enable(0, source, priority)
        board.plic.line(source)(True)
    assert [board.plic.read(claim(0), 4) for _ in range(4)] == [70, 5, 9, 0]


def test_threshold_masks_the_interrupt_but_not_the_claim(board: Board) -> None:
    board.enable(0, 3, priority=2)
    board.plic.write(threshold(0), 4, 2)
    board.plic.line(3)(True)
    assert not board.targets[0].level
    board.plic.write(threshold(0), 4, 1)
    assert board.targets[0].level
    board.plic.write(threshold(0), 4, 7)
    assert board.plic.read(claim(0), 4) == 3


def test_both_contexts_are_told_and_the_first_claims(board: Board) -> None:
    board.enable(0, 3)
    board.enable(1, 3)
    board.plic.line(3)(True)
    assert [target.level for target in board.targets] == [True, True]
    assert board.plic.read(claim(1), 4) == 3
    assert [target.level for target in board.targets] == [False, False]
    assert board.plic.read(claim(0), 4) == 0


def test_bits_of_sources_that_are_not_there_stay_zero(board: Board) -> None:
    for word in range(4):
        board.plic.write(0x2000 + 4 * word, 4, 0xFFFFFFFF)
    board.plic.write(0, 4, 7)
    assert [board.plic.read(0x2000 + 4 * word, 4) for word in range(4)] == [0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF, 0]
    assert board.plic.read(0, 4) == 0
    board.plic.write(4, 4, 0xFF)
    assert board.plic.read(4, 4) == 7


def test_bad_wiring(board: Board) -> None:
    for cells in ((0,), (SOURCES + 1,), (1, 4), ()):
        with pytest.raises(ValueError, match="sources"):
            board.plic.line(*cells)
    with pytest.raises(ValueError, match="sources"):
        Plic.create(wiring(FakeTime(), []))


def test_restored_state_has_its_interrupts(board: Board) -> None:
    board.enable(1, 40)
    board.plic.line(40)(True)
    other = Board()
    other.plic.restore(board.plic.save())
    assert other.targets[1].level
    other.plic.reset()
    assert not other.targets[1].level


@given(
    priorities=st.lists(st.integers(0, 7), min_size=SOURCES, max_size=SOURCES),
    raised=st.sets(st.integers(1, SOURCES)),
    enabled=st.sets(st.integers(1, SOURCES)),
)
def test_claims_come_in_order(priorities: list[int], raised: set[int], enabled: set[int]) -> None:
    board = Board()
    for source, priority in enumerate(priorities, 1):
        board.plic.write(4 * source, 4, priority)
    for source in enabled:
        board.enable(0, source, priorities[source - 1])
    for source in raised:
        board.plic.line(source)(True)
    wanted = sorted((-priorities[s - 1], s) for s in raised & enabled if priorities[s - 1])
    for _, source in wanted:
        assert board.targets[0].level
        assert board.plic.read(claim(0), 4) == source
    assert not board.targets[0].level and board.plic.read(claim(0), 4) == 0
