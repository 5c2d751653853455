"""The short form of the ladder: `python -m tests.ladder --minutes N` is the long one."""

from __future__ import annotations

import pytest

from pytcg.exec.blocks.machinecache import MachineCodeCache
from tests.ladder.board import Board
from tests.ladder.compare import Ladder
from tests.ladder.generate import candidates
from tests.ladder.rounding import programs, rounding_forms

#: bytes of code memory for blocks: a few dozen of them
SOON_FULL = 16 << 10


@pytest.mark.parametrize("backend", ["x86_64", pytest.param("tci", marks=pytest.mark.slow)])
def test_every_rounding_mode_of_every_instruction(backend: str) -> None:
    ladder = Ladder(1, (backend,))
    for form in rounding_forms():
        for program, start in programs(form, ladder.generator):
            ladder.check(program, "m", start)
        assert ladder.count[form.label] >= 160


def test_programs_in_code_memory_that_is_soon_full() -> None:
    """It runs out at all points of a program: translating, placing anew, going on after a helper or a slow access."""
    ladder = Ladder(7, ())
    code = Board("x86_64", 8 * SOON_FULL).engine.code
    assert isinstance(code, MachineCodeCache)
    board = ladder.boards["x86_64"] = Board("x86_64", code.host.helpers.end + SOON_FULL)
    for _ in range(250):
        ladder.one()
    assert board.engine.stats.flushes >= 8


@pytest.mark.parametrize(
    ("backend", "times"), [("x86_64", 400), ("tci", 400), pytest.param("x86_64", 2000, marks=pytest.mark.slow)]
)
def test_programs_do_what_they_do_in_unicorn(backend: str, times: int) -> None:
    ladder = Ladder(len(backend), (backend,))
    for _ in range(times):
        ladder.one()
    print(f"{sum(ladder.count.values())} comparisons:", ", ".join(f"{k} {n}" for k, n in sorted(ladder.count.items())))
    assert not {form.label for form in candidates()} - set(ladder.count)
