"""Finding the syntax tree of a function."""

from __future__ import annotations

import ast
import linecache
from functools import cache
from types import FunctionType


class NativeError(Exception):
    """A routine is outside the subset of Python that can be compiled; the message names file, line and function."""

    def __init__(self, function: FunctionType, line: int, message: str) -> None:
        super().__init__(f"{function.__code__.co_filename}:{line}: native {function.__qualname__}: {message}")


def function_tree(function: FunctionType) -> ast.FunctionDef:
    """The syntax tree of a function that was defined by a `def` in a file. It is shared: not to be changed."""
    code = function.__code__
    try:
        return _definitions(code.co_filename)[code.co_firstlineno]
    except (KeyError, SyntaxError):
        raise NativeError(function, code.co_firstlineno, "its source is not found") from None


@cache
def _definitions(filename: str) -> dict[int, ast.FunctionDef]:
    """The function definitions in a file by their first line (that of the first decorator, as in code objects)."""
    found: dict[int, ast.FunctionDef] = {}
    pending: list[ast.AST] = [ast.parse("".join(linecache.getlines(filename)))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef):
            found[min([node.lineno, *(d.lineno for d in node.decorator_list)])] = node
        for part in ("body", "orelse", "finalbody"):
            pending.extend(getattr(node, part, ()))
    return found
