"""A readable way to write ops by hand: for native routines and tests. The guest frontends append raw tuples instead."""

from __future__ import annotations

from pytcg.tcg.ops import Op, code, definition
from pytcg.tcg.state import CONST, TEMP
from pytcg.tcg.types import Type


class Builder:
    """Collects flat ops, and hands out temporaries and labels.

    `ops` is the list so far, `temps` the number of temporaries.
    """

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.temps = 0
        self.labels = 0

    def temp(self) -> int:
        """A new temporary: an operand number."""
        self.temps += 1
        return TEMP + self.temps - 1

    def label(self) -> int:
        """A new label number, to be placed by `place` once."""
        self.labels += 1
        return self.labels - 1

    def place(self, label: int) -> None:
        """Put a label here."""
        self.emit("label", Type.NONE, label)

    def emit(self, name: str, type: Type, *fields: int) -> None:
        """Append an op with the given fields, in the order of its row. Raises ValueError for a wrong type or count."""
        op_code = code(name, type)
        expected = definition(op_code).fields
        if len(fields) != len(expected):
            raise ValueError(f"{name} takes {', '.join(expected) or 'nothing'}; {len(fields)} fields were given")
        self.ops.append((op_code, *fields))

    def binary(self, name: str, d: int, a: int, b: int, type: Type = Type.I64) -> None:
        """d = a op b, of two operands."""
        self.emit(name, type, d, a, b, 0)

    def binary_const(self, name: str, d: int, a: int, imm: int, type: Type = Type.I64) -> None:
        """d = a op constant."""
        self.emit(name, type, d, a, CONST, imm)
