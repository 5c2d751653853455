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
        return _definition(code.co_filename, code.co_firstlineno)
    except (IndexError, SyntaxError):
        raise NativeError(function, code.co_firstlineno, "its source is not found") from None


@cache
def _definition(filename: str, number: int) -> ast.FunctionDef:
    """The function definition whose first line (that of the first decorator, as in code objects) is `number`.

    Only its own lines are parsed, which is a third of the work of whole files. Raises IndexError or SyntaxError.
    """
    lines = linecache.getlines(filename)[number - 1 :]
    indent = _indent(lines[0])
    start = next(at for at, line in enumerate(lines) if line[indent:].startswith("def "))
    end = start + 1
    while end < len(lines) and (_indent(lines[end]) > indent or lines[end].strip()[:1] in ("", "#", ")")):
        end += 1
    own = "".join(line[indent:] or "\n" for line in lines[:end])
    tree = ast.parse("\n" * (number - 1) + own).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise SyntaxError
    return tree


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
