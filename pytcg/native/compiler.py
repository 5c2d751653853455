"""Native routines to TCG ops.

One forward walk over the tree. Locals are temporaries; an expression is evaluated straight into the local that it is
assigned to; calls are inlined. Constant arguments and constant single-assignment locals are known where they are used,
so that branches which they decide vanish. Values are pairs (operand, imm) as in the ops: operand CONST stands for the
constant imm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytcg.native.emitter import Frame, Value
from pytcg.native.expressions import SIZES, Expressions
from pytcg.native.function import NativeFunction, native
from pytcg.native.intrinsics import st64
from pytcg.native.source import NativeError
from pytcg.native.tree import Expression, Statement
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST, ENV, TEMP, Layout
from pytcg.tcg.types import MO_64, Type

ST, RET = code("st", Type.I64), code("ret")


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


class _Compiler(Expressions):
    def compile(self, function: NativeFunction[Any, Any]) -> tuple[list[Op], int]:
        self.frame = Frame(function, {}, -1, -1)
        self.block(function.definition.body)
        if self.dead < 0:
            self.fail("may end without return")
        del self.ops[self.dead :]
        return self.ops, self.temps - TEMP

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
            self.ops.append((ST, self.register(*self.value(call[2])), base, offset, SIZES[kind[2:]]))
        else:
            self.value(call)

    def inline(self, function: NativeFunction[Any, Any], arguments: list[Value], target: int, wanted: bool) -> Value:
        """The body of a routine; its result, if wanted, in `target` unless that is 0, or wherever it is already."""
        definition, caller = function.definition, self.frame
        values = {
            name: self.fresh(*value) if name in definition.assigned else value
            for name, value in zip(definition.parameters, arguments, strict=True)
        }
        if wanted and not definition.straight:
            target = target or self.temp()
        self.frame = frame = Frame(function, values, target, self.label(), caller.line)
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
