"""Python's syntax tree of a native routine to the tree of tree.py; here is decided what the subset is."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from enum import EnumMeta
from types import FunctionType, ModuleType
from typing import Any, NoReturn

from pytcg.native import intrinsics
from pytcg.native.source import NativeError, function_tree
from pytcg.native.tree import BINARY, COMPARE, INTRINSICS, STATEMENTS, TRUTH, Definition, Expression, Statement
from pytcg.tcg.types import MASK64

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_ARITY = {**dict.fromkeys((*BINARY, *COMPARE), 2), **INTRINSICS}
_INTRINSIC_NAMES = {getattr(intrinsics, name): name for name in _ARITY if hasattr(intrinsics, name)}


def parse(function: FunctionType, is_native: Callable[[object], bool]) -> Definition:
    """The definition of a routine; `is_native` tells which objects it may call. Raises NativeError."""
    return _Parser(function, is_native).definition()


class _Parser:
    def __init__(self, function: FunctionType, is_native: Callable[[object], bool]) -> None:
        self.function = function
        self.is_native = is_native
        self.tree = function_tree(function)
        code = function.__code__
        cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
        self.globals = {**function.__globals__, **{name: cell.cell_contents for name, cell in cells}}
        self.parameters = list(code.co_varnames[: code.co_argcount])
        self.locals = set(code.co_varnames + code.co_cellvars)
        self.assigned: Counter[str] = Counter()
        self.returns = 0

    def definition(self) -> Definition:
        arguments = self.tree.args
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults:
            self.fail(self.tree, "only plain parameters")
        takes_env = self.parameters[:1] == ["env"]
        body = self.block(self.tree.body)
        straight = self.returns == 1 and body[-1][0] == "return"
        return Definition(self.parameters[takes_env:], takes_env, body, self.assigned, straight)

    def fail(self, node: ast.AST, message: str) -> NoReturn:
        raise NativeError(self.function, getattr(node, "lineno", self.tree.lineno), message)

    # statements

    def block(self, nodes: list[ast.stmt]) -> list[Statement]:
        result: list[Statement] = []
        for node in nodes:
            handler = _STATEMENTS.get(type(node))
            if handler is None:
                self.fail(node, f"no {type(node).__name__} statement in native routines")
            handler(self, node, result)
        return result

    def assign(self, node: Any, out: list[Statement]) -> None:
        targets = node.targets if type(node) is ast.Assign else [node.target]
        if len(targets) != 1 or node.value is None:
            self.fail(node, "one target and one value an assignment")
        self.store(targets[0], self.value(node.value), node.lineno, out)

    def store(self, target: ast.expr, value: Expression, line: int, out: list[Statement]) -> None:
        if isinstance(target, ast.Name):
            if target.id == "env" or target.id not in self.locals:
                self.fail(target, f"{target.id} is not a local")
            self.assigned[target.id] += 1
            out.append(("set", line, target.id, value))
            return
        place = self.value(target)
        if type(place) is not tuple or place[0] not in ("field", "index"):
            self.fail(target, "assignment to locals, env.field and env.array[index] only")
        out.append((f"set_{place[0]}", line, *place[1:], value))

    def augment(self, node: ast.AugAssign, out: list[Statement]) -> None:
        operator, target = self.operator(node, node.op), node.target
        if not isinstance(target, ast.Subscript):
            self.store(target, (operator, self.value(target), self.value(node.value)), node.lineno, out)
            return
        place = self.value(target)
        assert type(place) is tuple
        index: Expression = place[2]
        if type(index) is tuple:  # is evaluated once
            index = f"index_{node.lineno}_{node.col_offset}"
            self.assigned[index] += 1
            out.append(("set", node.lineno, index, place[2]))
        value = (operator, ("index", place[1], index), self.value(node.value))
        out.append(("set_index", node.lineno, place[1], index, value))

    def branch(self, node: ast.If, out: list[Statement]) -> None:
        out.append(("if", node.lineno, self.test(node.test), self.block(node.body), self.block(node.orelse)))

    def loop(self, node: ast.While, out: list[Statement]) -> None:
        if node.orelse:
            self.fail(node, "no else of a loop")
        out.append(("while", node.lineno, self.test(node.test), self.block(node.body)))

    def leave(self, node: ast.Return, out: list[Statement]) -> None:
        self.returns += 1
        out.append(("return", node.lineno, None if node.value is None else self.value(node.value)))

    def expression(self, node: ast.Expr, out: list[Statement]) -> None:
        if isinstance(node.value, ast.Call):
            out.append(("do", node.lineno, self.call(node.value)))
        elif not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self.fail(node, "an expression without effect")

    def jump(self, node: ast.Break | ast.Continue, out: list[Statement]) -> None:
        out.append(("break" if type(node) is ast.Break else "continue", node.lineno))

    def nothing(self, node: ast.Pass, out: list[Statement]) -> None:
        """`pass` adds nothing."""

    # expressions

    def value(self, node: ast.expr) -> Expression:
        handler = _EXPRESSIONS.get(type(node))
        if handler is None:
            self.fail(node, f"no {type(node).__name__} expression in native routines")
        result = handler(self, node)
        if type(result) is tuple and result[0] in STATEMENTS:
            self.fail(node, f"{result[0]} has no value")
        return result

    def test(self, node: ast.expr) -> Expression:
        """A truth value."""
        value = self.value(node)
        return value if type(value) is tuple and value[0] in TRUTH else ("!=", value, 0)

    def operator(self, node: ast.AST, operator: ast.AST) -> str:
        name = _OPERATORS.get(type(operator))
        if name is None:
            self.fail(node, f"no operator {type(operator).__name__} in native routines")
        return name

    def constant(self, node: ast.expr, value: object) -> int:
        if not isinstance(value, int):
            self.fail(node, f"{ast.unparse(node)} is not an int, but {type(value).__name__}")
        return int(value) & MASK64

    def static(self, node: ast.expr) -> Any:
        """What a name, or an attribute of a module or class, stands for outside the routine."""
        if isinstance(node, ast.Name) and node.id not in self.locals:
            if node.id in self.globals:
                return self.globals[node.id]
            return int if node.id == "int" else self.fail(node, f"{node.id} is not defined")
        if isinstance(node, ast.Attribute):
            owner = self.static(node.value)
            if isinstance(owner, ModuleType | EnumMeta) and hasattr(owner, node.attr):
                return getattr(owner, node.attr)
        return self.fail(node, f"{ast.unparse(node)} is not a constant")

    def literal(self, node: ast.Constant) -> Expression:
        return self.constant(node, node.value)

    def name(self, node: ast.Name) -> Expression:
        if node.id not in self.locals:
            return self.constant(node, self.static(node))
        return node.id if node.id != "env" else self.fail(node, "env is no value")

    def attribute(self, node: ast.Attribute) -> Expression:
        if isinstance(node.value, ast.Name) and node.value.id == "env":
            return ("field", node.attr)
        return self.constant(node, self.static(node))

    def subscript(self, node: ast.Subscript) -> Expression:
        array = self.value(node.value)
        if type(array) is not tuple or array[0] != "field":
            self.fail(node, "only arrays of env have an index")
        return ("index", array[1], self.value(node.slice))

    def binary(self, node: ast.BinOp) -> Expression:
        operator, left, right = self.operator(node, node.op), self.value(node.left), self.value(node.right)
        if operator in ("<<", ">>") and type(right) is int and right > 63:
            self.fail(node, "shift by more than 63")
        return (operator, left, right)

    def unary(self, node: ast.UnaryOp) -> Expression:
        if isinstance(node.op, ast.Not):
            return ("not", self.test(node.operand))
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Invert):
            return ("^", operand, MASK64)
        return ("-", 0, operand) if isinstance(node.op, ast.USub) else operand

    def compare(self, node: ast.Compare) -> Expression:
        if len(node.ops) != 1:
            self.fail(node, "no chain of comparisons")
        return (self.operator(node, node.ops[0]), self.value(node.left), self.value(node.comparators[0]))

    def both(self, node: ast.BoolOp) -> Expression:
        return ("and" if isinstance(node.op, ast.And) else "or", [self.test(value) for value in node.values])

    def choice(self, node: ast.IfExp) -> Expression:
        return ("if", self.test(node.test), self.value(node.body), self.value(node.orelse))

    def call(self, node: ast.Call) -> Expression:
        function: Any = self.static(node.func)
        if node.keywords:
            self.fail(node, "no keyword arguments")
        if self.is_native(function):
            callee: Definition = function.definition
            given = node.args
            if callee.takes_env:
                if not (given and isinstance(given[0], ast.Name) and given[0].id == "env"):
                    self.fail(node, f"the first argument of {function.name} is env")
                given = given[1:]
            if len(given) != len(callee.parameters):
                self.fail(node, f"{function.name} has {len(callee.parameters)} parameters besides env")
            return ("call", function, [self.value(argument) for argument in given])
        if function is int or isinstance(function, EnumMeta):  # a change of the static type only
            return self.value(node.args[0]) if len(node.args) == 1 else self.fail(node, "one argument")
        name = _INTRINSIC_NAMES.get(function)
        if name is None:
            self.fail(node, f"{ast.unparse(node.func)} is not a native routine")
        if len(node.args) != _ARITY[name]:
            self.fail(node, f"{name} has {_ARITY[name]} arguments")
        return (name, *(self.value(argument) for argument in node.args))


_STATEMENTS: dict[type[ast.AST], Callable[[_Parser, Any, list[Statement]], None]] = {
    ast.Assign: _Parser.assign,
    ast.AnnAssign: _Parser.assign,
    ast.AugAssign: _Parser.augment,
    ast.If: _Parser.branch,
    ast.While: _Parser.loop,
    ast.Return: _Parser.leave,
    ast.Expr: _Parser.expression,
    ast.Break: _Parser.jump,
    ast.Continue: _Parser.jump,
    ast.Pass: _Parser.nothing,
}
_EXPRESSIONS: dict[type[ast.AST], Callable[[_Parser, Any], Expression]] = {
    ast.Constant: _Parser.literal,
    ast.Name: _Parser.name,
    ast.Attribute: _Parser.attribute,
    ast.Subscript: _Parser.subscript,
    ast.BinOp: _Parser.binary,
    ast.UnaryOp: _Parser.unary,
    ast.Compare: _Parser.compare,
    ast.BoolOp: _Parser.both,
    ast.IfExp: _Parser.choice,
    ast.Call: _Parser.call,
}
