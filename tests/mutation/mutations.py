"""Mistakes placed by hand (mutations.txt), each of which the tests named above it must find.

The file has paragraphs: lines that begin with `- ` are what is there, `+ ` what takes its place; before them `tests:`
and `file:` where they are not those of the paragraph before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PATH = Path(__file__).with_suffix(".txt")


class Mutation(NamedTuple):
    """In `file`, `old` becomes `new`; `tests` are to find it."""

    tests: tuple[str, ...]
    file: str
    old: str
    new: str


def mutations() -> Iterator[Mutation]:
    """All, in the order of the file."""
    tests, file = "", ""
    for paragraph in PATH.read_text().split("\n\n"):
        sides: dict[str, list[str]] = {"- ": [], "+ ": []}
        for line in paragraph.splitlines():
            if line.startswith("tests: "):
                tests = line.removeprefix("tests: ")
            elif line.startswith("file: "):
                file = line.removeprefix("file: ")
            else:
                sides[line[:2].ljust(2)].append(line[2:])
        yield Mutation(tuple(tests.split()), file, *("\n".join(lines) for lines in sides.values()))
