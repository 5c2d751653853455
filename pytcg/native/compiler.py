"""Native routines to TCG ops.

One forward walk over the tree. Locals are temporaries; an expression is evaluated straight into the local that it is
assigned to; calls are inlined. Constant arguments and constant single-assignment locals are known where they are used,
so that branches which they decide vanish. Values are pairs (operand, imm) as in the ops: operand CONST stands for the
constant imm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pytcg.native.function import NativeFunction, native
from pytcg.native.intrinsics import st64
from pytcg.native.source import NativeError
from pytcg.native.tree import BINARY, COMPARE, Expression, Statement
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST, ENV, TEMP, WORD, Layout
from pytcg.tcg.types import MASK64, MO_8, MO_32, MO_64, Cond, Type, signed64

Value = tuple[int, int]

MOV, MOVI, NOT, ANDC, SHL = (code(name, Type.I64) for name in ("mov", "movi", "not", "andc", "shl"))
SETCOND, BRCOND, LD, ST = (code(name, Type.I64) for name in ("setcond", "brcond", "ld", "st"))
CMPXCHG, CLOCK, ADD = (code(name, Type.I64) for name in ("host_cmpxchg", "clock", "add"))
LABEL, BR, RET = (code(name) for name in ("label", "br", "ret"))
_CODES = {name: code(operator.op, Type.I64) for name, operator in BINARY.items()}
_CONDS = {name: operator.cond for name, operator in COMPARE.items()}
#: the constant second operand that changes nothing
_IDENTITY = {**dict.fromkeys(("+", "-", "|", "^", "<<", ">>"), 0), "&": MASK64, "*": 1}
_TEST_BITS = {"==": Cond.TSTEQ, "!=": Cond.TSTNE}
#: a cond b is b SWAPPED[cond] a
_SWAPPED = {
    Cond.EQ: Cond.EQ, Cond.NE: Cond.NE, Cond.LT: Cond.GT, Cond.LTU: Cond.GTU, Cond.LEU: Cond.GEU, Cond.GTU: Cond.LTU,
    Cond.GEU: Cond.LEU, Cond.TSTEQ: Cond.TSTEQ, Cond.TSTNE: Cond.TSTNE,
}  # fmt: skip
_MOP = {"8": MO_8, "32": MO_32, "64": MO_64}
#: offsets in `ld` and `st` stay well within 32 bits
_MAX_OFFSET = 1 << 24


def compile_native(function: NativeFunction[Any, Any], layout: Layout) -> tuple[list[Op], int]:
    """The flat ops of a routine that takes only env, and the number of its temporaries. Raises NativeError."""
    if not function.definition.takes_env or function.definition.parameters:
        raise NativeError(function.function, function.line, "a top-level routine takes only env")
    return _Compiler(layout).compile(function)


@native
def _fill(address: int, value: int, words: int) -> None:
    """What the intrinsic `fill` compiles to."""
    end = address + words * 8
    if words & 3 == 0:
        while address != end:
            st64(address, value)
            st64(address + 8, value)
            st64(address + 16, value)
            st64(address + 24, value)
            address += 32
    else:
        while address != end:
            st64(address, value)
            address += 8


@dataclass
class _Frame:
    """A routine being compiled into the op list."""

    function: NativeFunction[Any, Any]
    locals: dict[str, Value]
    #: where the result goes; 0: the caller wants none; -1: the routine is the top-level one
    target: int
    end: int
    line: int = 0
    #: (label of `continue`, label of `break`) of the loops around
    loops: list[tuple[int, int]] = field(default_factory=list)


class _Compiler:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.ops: list[Op] = []
        self.temps = TEMP
        self.labels = 0
        #: label -> number of branches to it
        self.references: dict[int, int] = {}
        #: length of `ops` when the code after became unreachable, or -1
        self.dead = -1
        self.frame: _Frame

    def compile(self, function: NativeFunction[Any, Any]) -> tuple[list[Op], int]:
        self.frame = _Frame(function, {}, -1, -1)
        self.block(function.definition.body)
        if self.dead < 0:
            self.fail("may end without return")
        del self.ops[self.dead :]
        return self.ops, self.temps - TEMP

    def fail(self, message: str) -> NoReturn:
        raise NativeError(self.frame.function.function, self.frame.line, message)

    # temporaries, labels and branches

    def temp(self) -> int:
        self.temps += 1
        return self.temps - 1

    def label(self) -> int:
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
        if self.dead < 0:
            self.ops.append((BR, label))
            self.references[label] = self.references.get(label, 0) + 1
            self.dead = len(self.ops)

    def end_here(self) -> None:
        if self.dead < 0:
            self.dead = len(self.ops)

    # statements

    def block(self, statements: list[Statement]) -> None:
        for statement in statements:
            if self.dead >= 0:
                return
            self.frame.line = statement[1]
            _STATEMENTS[statement[0]](self, *statement[2:])

    def set_local(self, name: str, value: Expression) -> None:
        known = self.frame.locals
        if name in known:
            self.into(value, known[name][0])
        elif self.frame.function.definition.assigned[name] == 1:
            before = self.temps
            found = self.value(value)
            # A temporary that the value has for itself becomes the local's; another local's might change.
            known[name] = found if found[0] == CONST or found[0] >= before else self.fresh(*found)
        else:
            target = self.temp()
            self.into(value, target)
            known[name] = (target, 0)

    def set_field(self, name: str, value: Expression) -> None:
        self.ops.append((ST, self.register(*self.value(value)), ENV, self.offset(name, 1), MO_64))

    def set_index(self, name: str, index: Expression, value: Expression) -> None:
        source = self.register(*self.value(value))
        self.ops.append((ST, source, *self.element(name, index), MO_64))

    def branch_if(self, test: Expression, body: list[Statement], orelse: list[Statement]) -> None:
        otherwise = self.label()
        self.jump_if(test, otherwise, False)
        self.block(body)
        if orelse:
            end = self.label()
            self.branch(end)
            self.place(otherwise)
            self.block(orelse)
            self.place(end)
        else:
            self.place(otherwise)

    def loop(self, test: Expression, body: list[Statement]) -> None:
        top, again, end = self.label(), self.label(), self.label()
        endless = test == ("!=", 1, 0)
        if not endless:
            self.branch(again)
        self.place_loop(top)
        self.frame.loops.append((again, end))
        self.block(body)
        self.frame.loops.pop()
        self.place(again)
        if endless:
            self.branch(top)
        else:
            self.jump_if(test, top, True)
        self.place(end)

    def leave_loop(self) -> None:
        self.branch(self.loop_labels()[1])

    def repeat_loop(self) -> None:
        self.branch(self.loop_labels()[0])

    def loop_labels(self) -> tuple[int, int]:
        return self.frame.loops[-1]

    def leave(self, value: Expression | None) -> None:
        frame = self.frame
        if value is None:
            if frame.target:
                self.fail("return without a value")
            self.branch(frame.end)
        elif frame.target < 0:
            self.ops.append((RET, self.register(*self.value(value))))
            self.end_here()
        else:
            if frame.target:
                self.into(value, frame.target)
            else:
                self.value(value)
            self.branch(frame.end)

    def do(self, call: tuple[Any, ...]) -> None:
        kind = call[0]
        if kind == "call":
            self.inline(call[1], [self.value(argument) for argument in call[2]], 0, False)
        elif kind == "fill":
            address, word, words = (self.value(argument) for argument in call[1:])
            self.inline(_fill, [address, (self.register(*word), 0), words], 0, False)
        elif kind in ("st8", "st32", "st64"):
            base, offset = self.address(call[1])
            self.ops.append((ST, self.register(*self.value(call[2])), base, offset, _MOP[kind[2:]]))
        else:
            self.value(call)

    # expressions

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
        operand, imm = self.value(tree, target)
        if operand != target:
            self.ops.append((MOVI, target, imm) if operand == CONST else (MOV, target, operand))

    def fresh(self, operand: int, imm: int) -> Value:
        """A copy of a value in a new temporary."""
        target = self.temp()
        self.ops.append((MOVI, target, imm) if operand == CONST else (MOV, target, operand))
        return target, 0

    def register(self, operand: int, imm: int) -> int:
        return operand if operand != CONST else self.fresh(operand, imm)[0]

    def binary(self, tree: tuple[Any, ...], target: int) -> Value:
        kind, left, right = tree
        if kind == "&" and type(right) is tuple and right[0] == "^" and right[2] == MASK64:
            a, b = self.register(*self.value(left)), self.register(*self.value(right[1]))
            target = target or self.temp()
            self.ops.append((ANDC, target, a, b, 0))
            return target, 0
        return self.arithmetic(kind, self.value(left), self.value(right), target)

    def arithmetic(self, kind: str, left: Value, right: Value, target: int) -> Value:
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
        self.ops.append((LD, target, base, offset, _MOP[tree[0][2:]]))
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
            return _SWAPPED[cond], y, x
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

    # inlining, and places in memory

    def inline(self, function: NativeFunction[Any, Any], arguments: list[Value], target: int, wanted: bool) -> Value:
        """The body of a routine; its result, if wanted, in `target` unless that is 0, or wherever it is already."""
        definition, caller = function.definition, self.frame
        values = {
            name: self.fresh(*value) if name in definition.assigned else value
            for name, value in zip(definition.parameters, arguments, strict=True)
        }
        if wanted and not definition.straight:
            target = target or self.temp()
        self.frame = frame = _Frame(function, values, target, self.label(), caller.line)
        result = (target, 0)
        if definition.straight:
            self.block(definition.body[:-1])
            frame.line, value = definition.body[-1][1:]
            if self.dead >= 0:
                result = CONST, 0
            elif value is not None:
                result = self.value(value, target)
            elif wanted:
                self.fail("return without a value")
        else:
            self.block(definition.body)
            if self.dead < 0 and wanted:
                self.fail("may end without return")
            self.place(frame.end)
        self.frame = caller
        return result

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


_STATEMENTS: dict[str, Callable[..., None]] = {
    "set": _Compiler.set_local,
    "set_field": _Compiler.set_field,
    "set_index": _Compiler.set_index,
    "if": _Compiler.branch_if,
    "while": _Compiler.loop,
    "break": _Compiler.leave_loop,
    "continue": _Compiler.repeat_loop,
    "return": _Compiler.leave,
    "do": _Compiler.do,
}
_EXPRESSIONS: dict[str, Callable[[_Compiler, tuple[Any, ...], int], Value]] = {
    **dict.fromkeys(BINARY, _Compiler.binary),
    **dict.fromkeys(COMPARE, _Compiler.compare),
    **dict.fromkeys(("and", "or", "not"), _Compiler.truth),
    **dict.fromkeys(("ld8", "ld32", "ld64"), _Compiler.load),
    "if": _Compiler.choice,
    "field": _Compiler.field,
    "index": _Compiler.index,
    "call": _Compiler.call,
    "cas64": _Compiler.exchange,
    "clock": _Compiler.clock,
}
