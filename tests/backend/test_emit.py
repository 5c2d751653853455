"""The backend as a whole: every op is lowered, and a block's bytes do not depend on what was emitted before."""

from __future__ import annotations

import random

from pytcg.backend.x86_64.backend import KIND, SIMPLES, X86Backend
from pytcg.backend.x86_64.emit.control import CONTROL
from pytcg.backend.x86_64.emit.floats import FLOATS
from pytcg.backend.x86_64.emit.memory import ACCESSES, MEMORY
from pytcg.tcg.ops import OPS, Op
from pytcg.tcg.state import CONST, Layout
from tests.backend.machine_code import HOT

#: a value for each field that makes sense in every op
FIELDS = {
    "d": 15,
    "a": 20,
    "b": 79,
    "c": 80,
    "e": 14,
    "mop": 3,
    "cond": 2,
    "len": 8,
    "pos": 4,
    "label": 1,
    "insn": 4,
    "access": 1,
}


def samples() -> list[Op]:
    return [
        (row.number << 3 | type, *(FIELDS.get(name, 0) for name in row.fields)) for row in OPS for type in row.types
    ]


def test_every_op_is_lowered_once() -> None:
    groups = (SIMPLES, ACCESSES, MEMORY, FLOATS, CONTROL)
    assert sorted(name for group in groups for name in group) == sorted(row.name for row in OPS)
    assert len(KIND) == 8 * len(OPS)


def test_memory_of_earlier_blocks_changes_nothing() -> None:
    rng = random.Random(1)
    ops = [op for op in samples() if OPS[op[0] >> 3].name != "label"]
    label = next(row.number << 3 for row in OPS if row.name == "label")
    warm = X86Backend(Layout(), HOT)
    for _ in range(20):
        block = [*rng.choices(ops, k=20), (label, 1)]
        page_offset, mode = rng.randrange(0, 4096, 2), rng.randrange(4)
        assert warm.emit(block, page_offset, mode) == X86Backend(Layout(), HOT).emit(block, page_offset, mode)


def test_constant_is_an_input_only_where_there_is_an_immediate() -> None:
    backend = X86Backend(Layout(), HOT)
    add = next(row.number << 3 | 3 for row in OPS if row.name == "add")
    blob, entry = backend.emit([(add, 15, 15, CONST, 1)], 0, 0)
    assert len(blob) - entry == 4
