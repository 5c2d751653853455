"""The interpreter: the conformance suite, and how it makes functions of blocks."""

from __future__ import annotations

from collections.abc import Sequence

from pytcg.backend.tci.interpreter import TciBackend
from pytcg.backend.tci.source import WRITERS, BlockSource
from pytcg.tcg.ops import FLOAT, OPS, Op
from pytcg.tcg.regalloc import allocate
from pytcg.tcg.text import parse_ops
from tests.backend.conformance import Conformance
from tests.backend.target import HELPERS, LAYOUT, PC, Target


class Interpreted(Target):
    """Ops as they are, temporaries and all."""

    def __init__(self) -> None:
        super().__init__()
        self.backend = TciBackend(LAYOUT, self.memory, HELPERS)

    def execute(self, ops: Sequence[Op], temps: int, page_offset: int) -> int:
        return self.backend.run_block(self.env, ops, PC + page_offset)


class Allocated(Interpreted):
    """Ops after register allocation, with one register, so that most temporaries are spilled."""

    def execute(self, ops: Sequence[Op], temps: int, page_offset: int) -> int:
        return super().execute(allocate(list(ops), temps, self.backend.temp_pool[:1]), temps, page_offset)


class Native(Interpreted):
    """Native routines."""

    native = True


class TestInterpreter(Conformance):
    targets = (Interpreted, Allocated, Native)
    shapes = 60


def test_every_row_has_a_writer() -> None:
    for row, writer in zip(OPS, WRITERS, strict=True):
        if writer is BlockSource.pure:
            assert row.pure
        elif writer is BlockSource.floating:
            assert row.types is FLOAT
        else:
            assert writer.__name__ == "atomic" or writer.__name__ == row.name


def test_blocks_with_equal_ops_share_a_function() -> None:
    backend = Interpreted().backend
    assert backend.compile(parse_ops("goto_ptr g1")) is backend.compile(parse_ops("goto_ptr g1"))
