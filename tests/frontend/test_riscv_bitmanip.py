"""Zba, Zbb, Zbc, Zbs and Zicond against direct models (Unicorn does not have them)."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytcg.frontend.decodetree import Pattern
from pytcg.frontend.riscv.decoding import patterns
from pytcg.tcg.types import MASK32, MASK64
from tests.frontend.hart import CODE, Hart
from tests.ladder.models import MODELS

HART = Hart()
RD, RS1, RS2 = 5, 6, 7
WORDS = st.one_of(st.integers(0, MASK64), st.sampled_from((0, 1, MASK64, 1 << 63, 1 << 31, MASK32)), st.integers(0, 64))
#: rd and rs2: all different, the same, and x0
REGISTERS = ((RD, RS2), (RS1, RS2), (RS2, RS2), (RD, RS1), (RD, 0), (0, RS2))
ROWS = [pattern for table in ("zba", "zbb", "zbc", "zbs", "zicond") for pattern in patterns(table)]


def test_each_pattern_has_a_model() -> None:
    assert sorted(MODELS) == sorted(pattern.name for pattern in ROWS)


@pytest.mark.parametrize("pattern", ROWS, ids=lambda pattern: pattern.name)
@settings(max_examples=24, deadline=None)
@given(st.sampled_from(REGISTERS), WORDS, WORDS)
@example((RD, RS2), MASK64 << 1 & MASK64, 63)
def test_model(pattern: Pattern, registers: tuple[int, int], a: int, b: int) -> None:
    rd, rs2 = registers
    HART.reset()
    HART.x(RS1, a)
    HART.x(RS2, b)
    word = pattern.value | rd << 7 | RS1 << 15
    if "rs2" in pattern.names:
        word |= rs2 << 20
        second = HART.x(rs2)
    elif "imm" in pattern.names:
        second = b % (32 if pattern.name == "roriw" else 64)
        word |= second << 20
    else:
        second = 0
    others = {number: HART.x(number) for number in range(32) if number != rd}
    assert HART.run(word) == CODE + 4
    assert HART.trap is None
    assert HART.x(rd) == (MODELS[pattern.name](a, second) & MASK64 if rd else 0)
    assert others == {number: HART.x(number) for number in others}
