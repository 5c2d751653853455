"""The short form of the ladder: `python -m tests.ladder --minutes N` is the long one."""

from __future__ import annotations

import pytest

from tests.ladder.compare import Ladder
from tests.ladder.generate import candidates


@pytest.mark.parametrize(
    ("backend", "programs"), [("x86_64", 400), ("tci", 400), pytest.param("x86_64", 2000, marks=pytest.mark.slow)]
)
def test_programs_do_what_they_do_in_unicorn(backend: str, programs: int) -> None:
    ladder = Ladder(len(backend), (backend,))
    for _ in range(programs):
        ladder.one()
    print(f"{sum(ladder.count.values())} comparisons:", ", ".join(f"{k} {n}" for k, n in sorted(ladder.count.items())))
    assert not {form.label for form in candidates()} - set(ladder.count)
