"""A native routine as Python: text made of its tree, in which all arithmetic wraps as machine code's does."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from pytcg.native import intrinsics
from pytcg.native.tree import BINARY, COMPARE, INTRINSICS, Definition, Expression, Statement

_OPERATOR_TEXT = {name: operator.text for name, operator in {**BINARY, **COMPARE}.items()}
_NAMESPACE = {name: getattr(intrinsics, name) for name in INTRINSICS}


def python_copy(definition: Definition, name: str, filename: str) -> Callable[..., int]:
    """A function that does what the compiled routine does. Its lines are the source's."""
    writer = _Writer()
    writer.block(definition.body, 1)
    parameters = ", ".join((*(("env",) if definition.takes_env else ()), *definition.parameters))
    text = "\n".join((f"def {name}({parameters}):", *writer.lines, " pass"))
    tree = ast.parse(text)
    first = writer.numbers[0] if writer.numbers else 1
    numbers = [first, *writer.numbers, first]
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt | ast.arg):
            node.lineno = node.end_lineno = numbers[node.lineno - 1]
    exec(compile(tree, filename, "exec"), writer.namespace)
    function: Callable[..., int] = writer.namespace[name]
    return function


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.numbers: list[int] = []
        self.namespace: dict[str, Any] = dict(_NAMESPACE)

    def block(self, statements: list[Statement], depth: int) -> None:
        for statement in statements:
            kind, line, *rest = statement
            if kind == "if":
                self.line(line, depth, f"if {self.text(rest[0])}:")
                self.block(rest[1], depth + 1)
                self.line(line, depth + 1, "pass")
                if rest[2]:
                    self.line(line, depth, "else:")
                    self.block(rest[2], depth + 1)
            elif kind == "while":
                self.line(line, depth, f"while {self.text(rest[0])}:")
                self.block(rest[1], depth + 1)
                self.line(line, depth + 1, "pass")
            else:
                self.line(line, depth, self.simple(kind, rest))

    def line(self, number: int, depth: int, text: str) -> None:
        self.lines.append(" " * depth + text)
        self.numbers.append(number)

    def simple(self, kind: str, rest: list[Any]) -> str:
        match kind, rest:
            case "set", [name, value]:
                return f"{name} = {self.text(value)}"
            case "set_field", [name, value]:
                return f"env.{name} = {self.text(value)}"
            case "set_index", [name, index, value]:
                return f"env.{name}[{self.text(index)}] = {self.text(value)}"
            case "return", [value]:
                return "return" if value is None else f"return {self.text(value)}"
            case "do", [call]:
                return self.text(call)
        return kind

    def text(self, tree: Expression) -> str:
        if type(tree) is not tuple:
            return str(tree)
        kind, *rest = tree
        if kind in _OPERATOR_TEXT:
            return _OPERATOR_TEXT[kind].format(self.text(rest[0]), self.text(rest[1]))
        match kind, rest:
            case "and" | "or", [values]:
                return f"({f' {kind} '.join(map(self.text, values))})"
            case "not", [value]:
                return f"(not {self.text(value)})"
            case "if", [test, yes, no]:
                return f"({self.text(yes)} if {self.text(test)} else {self.text(no)})"
            case "field", [name]:
                return f"env.{name}"
            case "index", [name, index]:
                return f"env.{name}[{self.text(index)}]"
            case "call", [function, arguments]:
                # A name that no local has; one for each function, whatever it is called.
                name = f"native_{function.name}_{id(function):x}"
                self.namespace[name] = function.python
                values = [*(("env",) if function.definition.takes_env else ()), *map(self.text, arguments)]
                return f"{name}({', '.join(values)})"
        return f"{kind}({', '.join(map(self.text, rest))})"
