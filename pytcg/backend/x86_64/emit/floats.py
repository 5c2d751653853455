"""Floating point."""
from __future__ import annotations
from collections.abc import Callable
from pytcg.backend.x86_64.emit.memory import Guarded
from pytcg.backend.x86_64.emit.operands import Operands
from pytcg.tcg.ops import Op, OPS

class FloatContext:
    def __init__(self, m: Operands, fma: bool) -> None:
        self.m = m

FLOATS: dict[str, Callable[[FloatContext, Op], Guarded]] = {r.name: None for r in OPS if r.name.startswith("f")}
