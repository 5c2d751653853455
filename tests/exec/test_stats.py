"""What --stats counts and prints."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pytcg.exec.stats import STAGES
from tests.exec.board import BACKENDS, Board
from tests.exec.riscv import WFI, addi, bne

#: decrement-and-branch, a hundred times: a block of three instructions, one of two, and the wfi
PROGRAM = (addi(10, 0, 100), addi(10, 10, -1), bne(10, 0, -4), WFI)


def figures(board: Board) -> dict[str, object]:
    found: dict[str, object] = json.loads(board.processors.report("json"))
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_is_counted(backend: str) -> None:
    board = Board(backend)
    board.run(*PROGRAM)
    found = figures(board)
    assert (found["blocks"], found["translated_insns"]) == (3, 3 + 2 + 1)
    assert (found["distinct_blocks"], found["distinct_insns"]) == (3, 6)
    assert found["executed_insns"] is None
    by_stage = found["us_per_translated_insn_by_stage"]
    assert isinstance(by_stage, dict) and set(by_stage) == set(STAGES)
    total = found["us_per_translated_insn"]
    assert isinstance(total, float) and total == pytest.approx(sum(by_stage.values()), abs=0.01) and total > 0
    seconds = found["seconds"]
    assert isinstance(seconds, dict)
    assert {"total", "translation", "machine_code", "idle", "first_insn"} <= set(seconds)
    assert isinstance(found["peak_rss_mib"], float) and found["peak_rss_mib"] > 1
    if backend == "x86_64":
        assert isinstance(found["host_bytes_per_insn"], float) and 4 < found["host_bytes_per_insn"] < 200


def test_the_text_has_every_figure() -> None:
    board = Board()
    board.run(*PROGRAM)
    text = board.processors.report("text")
    for name in figures(board):
        assert f"\n{name}" in f"\n{text}"
    assert "not counted" in text


def test_times_count_from_the_start_of_the_process() -> None:
    program = "import time; from pytcg.exec.stats import process_start; time.sleep(0.2)"
    program += "; print(process_start(), time.perf_counter_ns())"
    printed = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout
    began, now = map(int, printed.split())
    assert 0.2e9 <= now - began < 30e9
