"""docs/tcg-ops.md is what the op table gives."""

from __future__ import annotations

from pytcg.tcg.docs import PATH, render
from pytcg.tcg.ops import OPS


def test_the_committed_file_is_current() -> None:
    assert PATH.read_text() == render(), "run python -m pytcg.tcg.docs"


def test_every_op_has_its_row() -> None:
    rows = [line for line in render().splitlines() if line.startswith("| `")]
    assert len(rows) == len(OPS)
    for row, line in zip(OPS, rows, strict=True):
        assert line.startswith(f"| `{row.name}` |")
        assert row.doc.replace("|", "\\|") in line
