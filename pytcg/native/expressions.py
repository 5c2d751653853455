"""Expressions of native routines to ops, and conditions to branches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from pytcg.native.emitter import MOV, MOVI, SHL, Emitter, Value
from pytcg.native.function import NativeFunction
from pytcg.native.tree import BINARY, COMPARE, Expression
from pytcg.tcg.ops import code
from pytcg.tcg.state import CONST, ENV, WORD
from pytcg.tcg.types import MASK64, MO_8, MO_32, MO_64, SWAPPED, Cond, Type, signed64

SETCOND, BRCOND, LD, ADD, ANDC = (code(name, Type.I64) for name in ("setcond", "brcond", "ld", "add", "andc"))
CMPXCHG, CLOCK, KERNEL_CALL = (code(name, Type.I64) for name in ("host_cmpxchg", "clock", "kernel_call"))
_CONDS = {name: operator.cond for name, operator in COMPARE.items()}
_TEST_BITS = {"==": Cond.TSTEQ, "!=": Cond.TSTNE}
#: size of a load or store by the number in its intrinsic's name
SIZES = {"8": MO_8, "32": MO_32, "64": MO_64}
#: offsets in `ld` and `st` stay well within 32 bits
_MAX_OFFSET = 1 << 24


class Expressions(Emitter, ABC):
    """Compiles expressions; `inline` is the statement compiler's."""

    @abstractmethod
    def inline(self, function: NativeFunction[Any, Any], arguments: list[Value], target: int, wanted: bool) -> Value:
        """The body of a routine; its result, if wanted, in `target` unless that is 0, or wherever it is already."""

    def value(self, tree: Expression, target: int = 0) -> Value:
        """Where the value of an expression is; if it must be computed, in `target` unless that is 0."""
        if type(tree) is int:
            return CONST, tree
        if type(tree) is str:
            found = self.frame.locals.get(tree)
            return found if found is not None else self.fail(f"{tree} is read before it is assigned")
        assert type(tree) is tuple
        return _EXPRESSIONS[tree[0]](self, tree, target)

    def into(self, tree: Expression, target: int) -> None:
        """Evaluate an expression into a temporary."""
        operand, imm = self.value(tree, target)
        if operand != target:
            self.ops.append((MOVI, target, imm) if operand == CONST else (MOV, target, operand))

    def binary(self, tree: tuple[Any, ...], target: int) -> Value:
        kind, left, right = tree
        if kind == "&" and type(right) is tuple and right[0] == "^" and right[2] == MASK64:
            a, b = self.register(*self.value(left)), self.register(*self.value(right[1]))
            target = target or self.temp()
            self.ops.append((ANDC, target, a, b, 0))
            return target, 0
        return self.arithmetic(kind, self.value(left), self.value(right), target)

    def field(self, tree: tuple[Any, ...], target: int) -> Value:
        target = target or self.temp()
        self.ops.append((LD, target, ENV, self.offset(tree[1], 1), MO_64))
        return target, 0

    def index(self, tree: tuple[Any, ...], target: int) -> Value:
        base, offset = self.element(tree[1], tree[2])
        target = target or self.temp()
        self.ops.append((LD, target, base, offset, MO_64))
        return target, 0

    def load(self, tree: tuple[Any, ...], target: int) -> Value:
        base, offset = self.address(tree[1])
        target = target or self.temp()
        self.ops.append((LD, target, base, offset, SIZES[tree[0][2:]]))
        return target, 0

    def exchange(self, tree: tuple[Any, ...], target: int) -> Value:
        address, old, new = (self.register(*self.value(argument)) for argument in tree[1:])
        target = target or self.temp()
        self.ops.append((CMPXCHG, target, address, old, new))
        return target, 0

    def clock(self, tree: tuple[Any, ...], target: int) -> Value:
        target = target or self.temp()
        self.ops.append((CLOCK, target))
        return target, 0

    def kernel_call(self, tree: tuple[Any, ...], target: int) -> Value:
        operand, number = self.value(tree[1])
        if operand != CONST:
            self.fail("the number of a kernel call is a constant")
        arguments = [self.register(*self.value(argument)) for argument in tree[2:]]
        target = target or self.temp()
        self.ops.append((KERNEL_CALL, target, *arguments, number))
        return target, 0

    def choice(self, tree: tuple[Any, ...], target: int) -> Value:
        otherwise, end = self.label(), self.label()
        self.jump_if(tree[1], otherwise, False)
        if self.dead >= 0:
            self.place(otherwise)
            return self.value(tree[3], target)
        if otherwise not in self.references:
            return self.value(tree[2], target)
        target = target or self.temp()
        self.into(tree[2], target)
        self.branch(end)
        self.place(otherwise)
        self.into(tree[3], target)
        self.place(end)
        return target, 0

    def call(self, tree: tuple[Any, ...], target: int) -> Value:
        return self.inline(tree[1], [self.value(argument) for argument in tree[2]], target, True)

    # conditions

    def comparison(self, tree: tuple[Any, ...]) -> tuple[Cond, Value, Value] | bool:
        """Condition and operands (the first in a register) of a comparison, or its outcome where that is known."""
        kind, left, right = tree
        cond = _CONDS[kind]
        if right == 0 and type(left) is tuple and left[0] == "&" and kind in _TEST_BITS:
            x, y = self.value(left[1]), self.value(left[2])
            if x[0] == CONST and y[0] == CONST:
                return bool(COMPARE[kind].fold(x[1] & y[1], 0))
            cond = _TEST_BITS[kind]
        else:
            x, y = self.value(left), self.value(right)
            if x[0] == CONST and y[0] == CONST:
                return bool(COMPARE[kind].fold(x[1], y[1]))
        if x[0] == CONST:
            return SWAPPED[cond], y, x
        return cond, x, y

    def jump_if(self, test: Expression, label: int, sense: bool) -> None:
        """Branch to `label` if the truth value `test` is `sense`."""
        if self.dead >= 0:
            return
        assert type(test) is tuple
        kind = test[0]
        if kind == "not":
            self.jump_if(test[1], label, not sense)
        elif kind in ("and", "or"):
            # One of them decides `and` being false and `or` being true; else all must be passed.
            if (kind == "or") == sense:
                for part in test[1]:
                    self.jump_if(part, label, sense)
            else:
                skip = self.label()
                for part in test[1][:-1]:
                    self.jump_if(part, skip, not sense)
                self.jump_if(test[1][-1], label, sense)
                self.place(skip)
        else:
            found = self.comparison(test)
            if isinstance(found, bool):
                if found == sense:
                    self.branch(label)
            else:
                cond, (a, _), (b, imm) = found
                self.ops.append((BRCOND, a, b, imm, cond ^ (not sense), label))
                self.references[label] = self.references.get(label, 0) + 1

    def compare(self, tree: tuple[Any, ...], target: int) -> Value:
        found = self.comparison(tree)
        if isinstance(found, bool):
            return CONST, int(found)
        cond, (a, _), (b, imm) = found
        target = target or self.temp()
        self.ops.append((SETCOND, target, a, b, imm, int(cond)))
        return target, 0

    def truth(self, tree: tuple[Any, ...], target: int) -> Value:
        return self.choice(("if", tree, 1, 0), target)

    # places in memory

    def offset(self, name: str, count: int) -> int:
        """Offset from env of a field, which must be an array just if `count` is not 1."""
        found = self.layout.fields.get(name)
        if found is None:
            self.fail(f"the CPU state has no field {name}")
        if (found.count == 1) != (count == 1):
            self.fail(f"env.{name} is {'a word' if found.count == 1 else 'an array'}")
        return self.layout.offset[name]

    def element(self, name: str, index: Expression) -> Value:
        """Base and offset for `ld` and `st` of a word of an array of the CPU state."""
        offset = self.offset(name, 0)
        operand, constant = self.address(index, WORD)
        if operand == CONST:
            if not 0 <= constant < self.layout.fields[name].count:
                self.fail(f"env.{name}[{constant}] is out of range")
            return ENV, offset + constant * WORD
        env, scaled, address = self.temp(), self.temp(), self.temp()
        self.ops += (
            (LD, env, ENV, self.layout.offset["self"], MO_64),
            (SHL, scaled, operand, CONST, 3),
            (ADD, address, scaled, env, 0),
        )
        return address, offset + constant * WORD

    def address(self, tree: Expression, scale: int = 0) -> Value:
        """Register and small constant whose sum is the value; with a scale, CONST and a constant are possible, too."""
        operand, constant = self.terms(tree)
        if operand == CONST:
            return (CONST, constant & MASK64) if scale else (self.register(CONST, constant & MASK64), 0)
        if abs(constant) >= _MAX_OFFSET:
            return self.arithmetic("+", (operand, 0), (CONST, constant & MASK64), 0)[0], 0
        return operand, constant

    def terms(self, tree: Expression) -> Value:
        """The value as an operand (or CONST) plus a constant of either sign, for what additions can be collected."""
        if type(tree) is not tuple or tree[0] not in ("+", "-"):
            operand, constant = self.value(tree)
            return operand, signed64(constant)
        a, x = self.terms(tree[1])
        b, y = self.terms(tree[2])
        if tree[0] == "-":
            if b != CONST:
                left = (a, x & MASK64) if a == CONST else (a, 0)
                return self.arithmetic("-", left, (b, 0), 0)[0], (0 if a == CONST else x) - y
            y = -y
        if a == CONST or b == CONST:
            return (b if a == CONST else a), x + y
        return self.arithmetic("+", (a, 0), (b, 0), 0)[0], x + y


_EXPRESSIONS: dict[str, Callable[[Expressions, tuple[Any, ...], int], Value]] = {
    **dict.fromkeys(BINARY, Expressions.binary),
    **dict.fromkeys(COMPARE, Expressions.compare),
    **dict.fromkeys(("and", "or", "not"), Expressions.truth),
    **dict.fromkeys(("ld8", "ld32", "ld64"), Expressions.load),
    "if": Expressions.choice,
    "field": Expressions.field,
    "index": Expressions.index,
    "call": Expressions.call,
    "cas64": Expressions.exchange,
    "clock": Expressions.clock,
    "kernel_call": Expressions.kernel_call,
}
