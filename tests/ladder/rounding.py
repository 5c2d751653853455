"""Programs of one floating-point instruction in every rounding mode, static and dynamic, on operands of all kinds."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import replace

from tests.ladder.board import CODE, State
from tests.ladder.forms import Form, named
from tests.ladder.generate import (
    BOX,
    DOUBLES,
    FLOAT_CSRS,
    SINGLES,
    SPECIAL_DOUBLES,
    SPECIAL_SINGLES,
    Generator,
    Item,
    Program,
    candidates,
)

MODES = range(5)
RESERVED = (5, 6)
DYNAMIC = 7
FFLAGS = FLOAT_CSRS[0]
REPEATED = 4


def rounding_forms() -> list[Form]:
    """The instructions with a rounding mode."""
    return [form for form in candidates() if "rm" in form.bits]


def operands(form: Form) -> list[int]:
    """Contents of f registers: infinities, NaNs of both kinds with payloads, denormals, ties, what is no box."""
    doubles = [*SPECIAL_DOUBLES, *(int(struct.unpack("<Q", struct.pack("<d", value))[0]) for value in DOUBLES)]
    singles = [*SPECIAL_SINGLES, *(int(struct.unpack("<I", struct.pack("<f", value))[0]) for value in SINGLES)]
    boxed = [BOX | value for value in singles]
    return [*boxed, *singles[:2], doubles[0]] if form.name.endswith("_s") else doubles


def _instruction(form: Form, rng: random.Random, rm: int) -> Item:
    return Item(form, form.put(form.random(rng), "rm", rm))


def programs(form: Form, generator: Generator) -> Iterator[tuple[Program, State]]:
    """For each dynamic mode: all static ones with the flags of each instruction; then each way to have none."""
    rng = generator.rng
    csrrw = named("csrrw")
    pool = operands(form)
    for frm in range(8):
        start = replace(generator.state(8), f=rng.choices(pool, k=32), frm=frm, pc=CODE)
        program: Program = []
        modes = [*MODES, *([DYNAMIC] if frm in MODES else [])] * REPEATED
        for number, rm in enumerate(modes, 1):
            program.append(_instruction(form, rng, rm))
            program.append(Item(csrrw, csrrw.make(rd=number, rs1=0, csr=FFLAGS)))
        yield program, start
        for rm in [*RESERVED, *([] if frm in MODES else [DYNAMIC])]:
            yield [_instruction(form, rng, rm)], start
