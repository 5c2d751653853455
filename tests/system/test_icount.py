"""-icount: the same input gives the same console, count of instructions and final state, on both backends."""

from __future__ import annotations

import json

import pytest

from tests.system.guests import run

TYPED = "uptime\rprimes 500\rsleep 1\ruptime\rpoweroff\r"


def outcome(*options: str) -> tuple[str, int, str]:
    done = run(*options, "--stats=json", typed=TYPED)
    assert done.returncode == 0, done.stderr
    stats = json.loads(done.stderr)
    return done.stdout, stats["executed_insns"], stats["state_hash"]


@pytest.mark.parametrize("icount", ["shift=auto", "shift=0,sleep=off", "shift=9,sleep=off"])
def test_runs_are_the_same(icount: str) -> None:
    first = outcome("-icount", icount)
    assert "up 1." in first[0]
    assert all(outcome("-icount", icount) == first for _ in range(2))


@pytest.mark.slow
def test_the_interpreter_counts_as_machine_code_does() -> None:
    assert outcome("-icount", "3,sleep=off", "-accel", "tcg,backend=tci") == outcome("-icount", "3,sleep=off")


def test_a_seed_is_another_run() -> None:
    assert len({outcome("-icount", "3,sleep=off", "-seed", seed)[2] for seed in ("1", "2")}) == 2
