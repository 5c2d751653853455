"""A store that no one notices: between its check of a TLB slot and it, another hart puts the first code in that page.

The steps are driven by hand: the second hart's store is done behind the back of everything, as its machine code would
do it after the check.
"""

from __future__ import annotations

import pytest

from pytcg.tcg.state import IRQ_POLL, WRITE
from tests.exec.board import BACKENDS, DATA, PAGE, PROGRAM, RAM, Board
from tests.exec.riscv import FENCE_I, WFI, addi, code, jalr, store

RET = jalr(0, 1)
FUNCTION = DATA + 0x100
CALLER, NO_FENCE = code(FENCE_I, jalr(1, 6), WFI), PROGRAM + 4
WRITER = PROGRAM + 0x100


class Harts(Board):
    """Hart 0 calls what lies at FUNCTION; hart 1, which has just stored to that page, is about to do so again."""

    def __init__(self, backend: str) -> None:
        super().__init__(backend, harts=2)
        self.choose(1)
        self.write(FUNCTION, code(addi(10, 0, 1), RET))
        self.write(WRITER, code(store(5, 6, 0), WFI))
        self.x[6] = DATA
        self.run(pc=WRITER)
        assert self.cached(DATA, WRITE)
        # It is between the check and the store from now on, until `poll`.
        self.env.halted, self.cpu.running = 0, True
        self.choose(0)
        self.write(PROGRAM, CALLER)
        self.x[6] = FUNCTION

    def store_unnoticed(self, value: int, at: int = FUNCTION) -> None:
        """Hart 1 stores an instruction."""
        self.ram.buffer[at - RAM : at - RAM + 4] = code(addi(10, 0, value))

    def poll(self) -> None:
        """Hart 1 comes to a poll."""
        self.choose(1)
        self.cpu.guest.interrupt(self.env)
        self.choose(0)

    def call(self, pc: int = PROGRAM) -> int:
        """Hart 0 calls the function."""
        self.run(pc=pc)
        return int(self.x[10])


@pytest.fixture(params=BACKENDS)
def harts(request: pytest.FixtureRequest) -> Harts:
    return Harts(request.param)


def test_a_fence_drops_what_was_changed_unnoticed(harts: Harts) -> None:
    assert harts.call() == 1
    for value in range(2, 5):
        harts.store_unnoticed(value)
        assert harts.call(NO_FENCE) == value - 1
        assert harts.call() == value


def test_a_fence_spares_what_is_as_it_was(harts: Harts) -> None:
    harts.call()
    before = harts.find(FUNCTION)
    harts.store_unnoticed(2, FUNCTION + 0x40)
    assert harts.call() == 1
    assert harts.find(FUNCTION) == before


@pytest.mark.parametrize("way", ["poll", "asleep", "stopped"])
def test_once_the_other_hart_was_seen_elsewhere_nothing_is_left_to_compare(harts: Harts, way: str) -> None:
    harts.call()
    other = harts.processors.cpus[1]
    assert other.env.irq & IRQ_POLL
    assert harts.env.unsure
    harts.store_unnoticed(2)
    if way == "poll":
        harts.poll()
    elif way == "asleep":
        other.env.halted = 1
    else:
        other.running = False
    harts.code.fence()
    assert not harts.find(FUNCTION)
    assert not any(cpu.env.unsure for cpu in harts.processors.cpus)
    assert harts.call() == 2
    # It has no entry by which it could store again.
    harts.choose(1)
    assert not harts.cached(DATA, WRITE)


def test_pages_are_confirmed_before_others_become_young(harts: Harts) -> None:
    harts.call()
    harts.poll()
    harts.store_unnoticed(2)
    other = DATA + 4 * PAGE
    harts.write(other, code(RET))
    harts.x[6] = other
    harts.call(NO_FENCE)
    assert harts.code.first_code.young == {other}
    harts.x[6] = FUNCTION
    assert harts.call(NO_FENCE) == 2


def test_code_across_pages_is_compared_in_both(harts: Harts) -> None:
    last = DATA + 2 * PAGE - 2
    harts.write(last, code(addi(10, 0, 1), RET))
    harts.x[6] = last
    assert harts.call() == 1
    for at, half, value in ((last + 2, 2, 5), (last, 0, 5)):
        word = code(addi(10 + (half == 0), 0, value))
        harts.ram.buffer[at - RAM : at - RAM + 2] = word[half : half + 2]
        harts.x[11] = 0
        harts.call()
        assert (harts.x[10], harts.x[11]) == ((5, 0) if half else (5, 5))


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_hart_alone_compares_nothing(backend: str) -> None:
    board = Board(backend)
    board.write(PROGRAM, CALLER)
    board.write(FUNCTION, code(addi(10, 0, 1), RET))
    board.x[6] = FUNCTION
    board.run(pc=PROGRAM)
    assert not board.env.unsure
    assert not board.code.first_code.young
