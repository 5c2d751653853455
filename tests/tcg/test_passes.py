"""Each pass keeps what a block does: random blocks before and after it, by the reference."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from pytcg.tcg.passes.deadcode import eliminate_dead
from pytcg.tcg.passes.forward import forward
from pytcg.tcg.passes.optimise import Folder, optimise
from pytcg.tcg.regalloc import allocate
from pytcg.tcg.state import HOST_REG, NUM_GLOBALS
from pytcg.tcg.text import format_ops
from pytcg.tcg.verify import verify
from tests.backend.reference import Reference
from tests.backend.target import Start
from tests.tcg.blocks import Block, blocks, starts

REGISTER = HOST_REG + 15
#: by name: the pass over ops and temporaries, and whether temporaries are gone afterwards
PASSES: dict[str, tuple[Callable[[Block], Block], bool]] = {
    "fold": (lambda block: Block(Folder().run(block.ops), block.temps), False),
    "dead code": (lambda block: Block(eliminate_dead(block.ops), block.temps), False),
    "optimise": (lambda block: Block(optimise(block.ops), block.temps), False),
    **{
        f"allocate {n}": (
            lambda block, n=n: Block(allocate(block.ops, block.temps, range(HOST_REG, HOST_REG + n)), 0),
            True,
        )
        for n in (3, 6)
    },
    "forward": (lambda block: Block(forward(block.ops, range(1, NUM_GLOBALS), REGISTER), block.temps), True),
    "all": (lambda block: Block(allocate(optimise(block.ops), block.temps, range(HOST_REG, HOST_REG + 6)), 0), True),
}


@pytest.mark.parametrize("name", PASSES)
def test_pass(name: str) -> None:
    change, host_registers = PASSES[name]

    @given(blocks(), starts())
    @settings(suppress_health_check=list(HealthCheck), print_blob=False)
    def same(block: Block, start: Start) -> None:
        changed = change(block)
        verify(*changed, allocated=host_registers and not changed.temps, host_registers=host_registers)
        assert len(changed.ops) <= len(block.ops) or name == "forward"
        before, after = (Reference().run(*version, start) for version in (block, changed))
        assert before == after, format_ops(changed.ops)

    same()
