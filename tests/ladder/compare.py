"""The rungs: random programs on a board and on the oracle, compared; the least program that differs is kept."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields

from tests.ladder.board import MODES, Board, State
from tests.ladder.generate import MAX_BYTES, Generator, Program, assemble, listing
from tests.ladder.oracle import NoProgramError, Oracle

ECALL_CAUSE = {"m": 11, "u": 8, "s39": 9, "u39": 8}


class Difference(AssertionError):
    """A program that a board executes otherwise than the oracle."""


class Ladder:
    """Boards beside one oracle. `count`: comparisons by label of the instruction."""

    def __init__(self, seed: int, backends: tuple[str, ...]) -> None:
        self.rng = random.Random(seed)
        self.oracle = Oracle()
        self.boards = {name: Board(name) for name in backends}
        self.generator = Generator(self.rng)
        self.count: Counter[str] = Counter()

    def one(self) -> None:
        """Compare one program in one mode. Raises Difference."""
        program = self.generator.program()
        mode = self.rng.choice(list(MODES))
        start = self.generator.state(MAX_BYTES)
        self.check(program, mode, start)

    def check(self, program: Program, mode: str, start: State) -> None:
        """Compare a program. Raises Difference."""
        for name, board in self.boards.items():
            if self.differ(board, program, mode, start):
                raise Difference(self.shrink(name, program, mode, start))
        self.count.update(form.label for _, _, form in self.oracle.trace)

    def differ(self, board: Board, program: Program, mode: str, start: State) -> str:
        """What differs after a program: "" if nothing does, or if the program is none."""
        try:
            code = assemble(program, start.pc)
            wanted = self.oracle.run(code, start)
        except (ValueError, NoProgramError):
            self.oracle.trace.clear()
            return ""
        if wanted.trap == (-1, 0):
            wanted.trap = (ECALL_CAUSE[mode], 0)
        return describe(wanted, board.run(mode, code, start))

    def shrink(self, name: str, program: Program, mode: str, start: State) -> str:
        """The least program found that differs, and how."""
        board = self.boards[name]
        index = len(program) - 1
        while index >= 0:
            shorter = program[:index] + program[index + 1 :]
            if self.differ(board, shorter, mode, start):
                program = shorter
            index -= 1
        difference = self.differ(board, program, mode, start)
        return f"{name}, mode {mode}, frm {start.frm}\n{listing(program, start.pc)}\n{difference}"


def describe(wanted: State, found: State) -> str:
    """The fields that differ, a line each."""
    lines = []
    for field in fields(State):
        one, other = getattr(wanted, field.name), getattr(found, field.name)
        if one == other:
            continue
        if field.name == "data":
            places = [at for at in range(len(one)) if one[at] != other[at]]
            lines.append(f"data at {places[0]:#x}: {len(places)} bytes differ")
        elif isinstance(one, list):
            for n, (a, b) in enumerate(zip(one, other, strict=True)):
                if a != b:
                    lines.append(f"{field.name}{n}: wanted {a:#x}, found {b:#x}")
        else:
            lines.append(f"{field.name}: wanted {one}, found {other}")
    return "\n".join(lines)
