"""The conformance suite of backends: what each must do, op by op and in random blocks.

A backend inherits it with the targets that run its code:

    class TestMine(Conformance):
        targets = (MyTarget,)

Every op of the table, of each type that it has, is run over operand shapes (aliases, host registers, spills,
constants at their edges) and compared with the reference; then random blocks are, shrunk to the least one that
differs and printed in text form.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, reject, settings

from pytcg.tcg.ops import OPS, Op, OpDef, code
from pytcg.tcg.regalloc import OutOfSpillSlotsError
from pytcg.tcg.text import format_ops
from pytcg.tcg.types import Type
from pytcg.tcg.verify import verify
from tests.backend.cases import Case, cases
from tests.backend.reference import Reference
from tests.backend.target import INTERRUPT, Outcome, Start, Target
from tests.tcg.blocks import Block, blocks, starts

#: an op and a type that it has
EVERY_OP = [pytest.param(row, type, id=f"{row.name}.{type.name.lower()}") for row in OPS for type in row.types]
make: Callable[[Callable[[], Target]], Target] = cache(lambda target: target())
reference: Callable[[bool], Reference] = cache(Reference)


def differences(target: Target, case: Case) -> list[str]:
    """What a target does otherwise than the reference; empty if nothing."""
    judge, found = reference(target.native), target.run(*case)
    judge.polls_at = found.pc if found.result == INTERRUPT else 0
    expected = judge.run(*case)
    if target.native:
        expected, found = (outcome._replace(result=outcome.result & 0xFFFFFFFF) for outcome in (expected, found))
    texts = []
    for name, one, other in zip(Outcome._fields, expected, found, strict=True):
        if one != other:
            texts.append(f"{name}: {difference(one, other)}")
    return texts


def difference(expected: object, found: object) -> str:
    """Where two values differ."""
    if isinstance(expected, tuple | bytes) and isinstance(found, tuple | bytes) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return ", ".join(f"[{n}] {difference(*pair)}" for n, pair in pairs if pair[0] != pair[1])
    if isinstance(expected, int) and isinstance(found, int):
        return f"{expected:#x} expected, not {found:#x}"
    return f"{expected} expected, not {found}"


def check(target: Target, ops: list[Op], temps: int, start: Start) -> None:
    """Fail where a target does otherwise than the reference."""
    texts = differences(target, Case(ops, temps, start))
    if texts:
        used = {operand for op in ops for operand in op[1:]}
        shown = {f"g{n}": hex(value) for n, value in enumerate(start.globals) if value and n in used}
        pytest.fail(f"{type(target).__name__}\n{format_ops(ops)}" + "\n".join([*texts, str(shown)]), pytrace=False)


def check_if_it_fits(target: Target, ops: list[Op], temps: int, start: Start) -> None:
    """`check`, of a block whose temporaries may be too many for the spill slots."""
    try:
        check(target, ops, temps, start)
    except OutOfSpillSlotsError:
        reject()


class Conformance:
    """Inherited by the test class of each backend."""

    targets: tuple[Callable[[], Target], ...] = ()
    #: operand shapes of an op
    shapes = 200

    @pytest.mark.parametrize(("row", "kind"), EVERY_OP)
    def test_op(self, row: OpDef, kind: Type) -> None:
        """Each op of each type over all shapes of its operands."""
        ran = 0
        for target in map(make, self.targets):
            if not target.runs(row):
                continue
            counts = reference(target.native).executed
            before = counts[code(row.name, kind)]
            for case in cases(row, kind, target.native, self.shapes):
                check(target, *case)
            ran += counts[code(row.name, kind)] - before
        assert ran

    @given(blocks(), starts())
    @settings(suppress_health_check=list(HealthCheck), print_blob=False)
    def test_block(self, block: Block, start: Start) -> None:
        """Random blocks: temporaries, spills, branches, loops, memory, calls with live values."""
        verify(*block)
        for target in map(make, self.targets):
            if not target.native:
                check_if_it_fits(target, *block, start)

    @given(blocks(native=True), starts())
    @settings(suppress_health_check=list(HealthCheck), print_blob=False)
    def test_native_routine(self, block: Block, start: Start) -> None:
        """Random native routines."""
        verify(*block)
        for target in map(make, self.targets):
            if target.native:
                check_if_it_fits(target, *block, start)
