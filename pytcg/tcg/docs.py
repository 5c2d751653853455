"""Writes docs/tcg-ops.md from the op table: `python -m pytcg.tcg.docs`."""

from __future__ import annotations

from pathlib import Path

from pytcg.tcg.ops import OPS, OpDef
from pytcg.tcg.types import Type

PATH = Path(__file__).parents[2] / "docs" / "tcg-ops.md"

INTRO = """# TCG ops

Written by `python -m pytcg.tcg.docs` from `pytcg/tcg/ops.py`; change that table, not this file. Operands, types and the
text form are explained in [architecture.md](architecture.md).

Flags: **p** pure, **c** commutative, **e** ends the block, **f** may fault, **b** branches or is branched to.

| op | types | fields | flags | meaning |
|---|---|---|---|---|
"""


def line(row: OpDef) -> str:
    """One row of the table in Markdown."""
    types = " ".join(type.name.lower() for type in row.types if type != Type.NONE)
    marks = (
        ("p", row.pure),
        ("c", row.commutative),
        ("e", row.ends_block),
        ("f", row.may_fault),
        ("b", row.is_branch),
    )
    flags = "".join(letter for letter, holds in marks if holds)
    meaning = row.doc.replace("|", "\\|")
    return f"| `{row.name}` | {types} | {' '.join(row.fields)} | {flags} | {meaning} |\n"


def render() -> str:
    """The whole file."""
    return INTRO + "".join(map(line, OPS))


if __name__ == "__main__":
    PATH.write_text(render())
