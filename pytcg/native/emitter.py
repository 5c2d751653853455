"""What writes the ops of a routine: temporaries, labels, and arithmetic with constants folded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from pytcg.native.function import NativeFunction
from pytcg.native.source import NativeError
from pytcg.native.tree import BINARY
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST, TEMP, Layout
from pytcg.tcg.types import MASK64, Type

#: operand and imm as in the ops: operand CONST stands for the constant imm
Value = tuple[int, int]

MOV, MOVI, NOT, SHL = (code(name, Type.I64) for name in ("mov", "movi", "not", "shl"))
LABEL, BR = code("label"), code("br")
_CODES = {name: code(operator.op, Type.I64) for name, operator in BINARY.items()}
#: the constant second operand that changes nothing
_IDENTITY = {**dict.fromkeys(("+", "-", "|", "^", "<<", ">>"), 0), "&": MASK64, "*": 1}


@dataclass
class Frame:
    """A routine being compiled into the op list."""

    function: NativeFunction[Any, Any]
    locals: dict[str, Value]
    #: where the result goes; 0: the caller wants none; -1: the routine is the top-level one
    target: int
    end: int
    line: int = 0
    #: (label of `continue`, label of `break`) of the loops around
    loops: list[tuple[int, int]] = field(default_factory=list)


class Emitter:
    """The ops so far, and where in the tree the compiler is."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.ops: list[Op] = []
        self.temps = TEMP
        self.labels = 0
        #: label -> number of branches to it
        self.references: dict[int, int] = {}
        #: length of `ops` when the code after became unreachable, or -1
        self.dead = -1
        self.frame: Frame

    def fail(self, message: str) -> NoReturn:
        """Refuse the routine, at the line being compiled."""
        raise NativeError(self.frame.function.function, self.frame.line, message)

    def temp(self) -> int:
        """A new temporary."""
        self.temps += 1
        return self.temps - 1

    def label(self) -> int:
        """A new label, not placed yet."""
        self.labels += 1
        return self.labels - 1

    def place(self, label: int) -> None:
        """Put a label here, if a branch to it was emitted."""
        ops, references = self.ops, self.references
        if self.dead >= 0:
            del ops[self.dead :]
        if ops and ops[-1] == (BR, label):
            ops.pop()
            self.dead = -1
            references[label] -= 1
        if references.get(label):
            ops.append((LABEL, label))
            self.dead = -1

    def place_loop(self, label: int) -> None:
        """Put a label here to which there will be branches."""
        if self.dead >= 0:
            del self.ops[self.dead :]
            self.dead = -1
        self.ops.append((LABEL, label))

    def branch(self, label: int) -> None:
        """Go to a label; what follows is unreachable until a label is placed."""
        if self.dead < 0:
            self.ops.append((BR, label))
            self.references[label] = self.references.get(label, 0) + 1
            self.dead = len(self.ops)

    def end_here(self) -> None:
        """What follows is unreachable until a label is placed."""
        if self.dead < 0:
            self.dead = len(self.ops)

    def fresh(self, operand: int, imm: int) -> Value:
        """A copy of a value in a new temporary."""
        target = self.temp()
        self.ops.append((MOVI, target, imm) if operand == CONST else (MOV, target, operand))
        return target, 0

    def register(self, operand: int, imm: int) -> int:
        """The operand of a value, which is no CONST."""
        return operand if operand != CONST else self.fresh(operand, imm)[0]

    def arithmetic(self, kind: str, left: Value, right: Value, target: int) -> Value:
        """The value of an operator of BINARY; if it must be computed, in `target` unless that is 0."""
        operator = BINARY[kind]
        (a, x), (b, y) = left, right
        if a == CONST:
            if b == CONST:
                return CONST, operator.fold(x, y)
            if operator.commutative:
                a, x, b, y = b, y, a, x
            else:
                a = self.register(a, x)
        op_code = _CODES[kind]
        if b == CONST:
            if y == _IDENTITY.get(kind):
                return a, 0
            if y == 0 and kind in ("&", "*"):
                return CONST, 0
            if kind == "*" and y & (y - 1) == 0:
                op_code, y = SHL, y.bit_length() - 1
            elif kind == "^" and y == MASK64:
                target = target or self.temp()
                self.ops.append((NOT, target, a))
                return target, 0
        target = target or self.temp()
        self.ops.append((op_code, target, a, b, y))
        return target, 0
