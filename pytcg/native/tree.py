"""The tree between the parser of native routines and its users, the Python copy and the compiler; the operators.

An expression is an int (a constant, 0..2**64-1), a str (a local) or a tuple whose first member tells what it is:

    (operator, a, b)            an operator of BINARY, or one of COMPARE: 1 or 0
    ("and" | "or", [x, ...])    of truth values (COMPARE, "and", "or", "not"): 1 or 0
    ("not", x)                  of a truth value: 1 or 0
    ("if", test, a, b)          a if test else b
    ("field", name)             a word of the CPU state
    ("index", name, index)      a word of an array of the CPU state
    ("call", function, [a...])  another native routine
    (intrinsic, a...)           an intrinsic by its name, see intrinsics.py

A statement is a tuple whose second member is the line it stands on:

    ("set", line, local, value)
    ("set_field", line, name, value)
    ("set_index", line, name, index, value)
    ("if", line, test, body, orelse)
    ("while", line, test, body)
    ("break", line)  ("continue", line)
    ("return", line, value)     value None: nothing is returned
    ("do", line, call)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pytcg.tcg.types import MASK64, Cond

Expression = int | str | tuple[Any, ...]
Statement = tuple[Any, ...]


class Operator(NamedTuple):
    """One operator of two values: its TCG op (or condition), and its meaning as Python text with places {0} and {1}."""

    op: str
    text: str
    cond: Cond = Cond.EQ
    commutative: bool = False
    fold: Callable[[int, int], int] = int.__add__


def _operator(op: str, text: str, cond: Cond = Cond.EQ, commutative: bool = False) -> Operator:
    text = f"({text})".replace("MASK64", f"{MASK64:#x}").replace("SIGN64", f"{1 << 63:#x}")
    # The text is the one definition of the operator: it makes the Python copy, and folds constants.
    return Operator(op, text, cond, commutative, eval(f"lambda a, b: {text.format('a', 'b')}"))


BINARY = {
    "+": _operator("add", "{0} + {1} & MASK64", commutative=True),
    "-": _operator("sub", "{0} - {1} & MASK64"),
    "*": _operator("mul", "{0} * {1} & MASK64", commutative=True),
    "&": _operator("and", "{0} & {1}", commutative=True),
    "|": _operator("or", "{0} | {1}", commutative=True),
    "^": _operator("xor", "{0} ^ {1}", commutative=True),
    "<<": _operator("shl", "{0} << ({1} & 63) & MASK64"),
    ">>": _operator("shr", "{0} >> ({1} & 63)"),
    "mulhu": _operator("muluh", "{0} * {1} >> 64", commutative=True),
}

COMPARE = {
    "==": _operator("setcond", "{0} == {1}", Cond.EQ, commutative=True),
    "!=": _operator("setcond", "{0} != {1}", Cond.NE, commutative=True),
    "<": _operator("setcond", "{0} < {1}", Cond.LTU),
    "<=": _operator("setcond", "{0} <= {1}", Cond.LEU),
    ">": _operator("setcond", "{0} > {1}", Cond.GTU),
    ">=": _operator("setcond", "{0} >= {1}", Cond.GEU),
    "signed_lt": _operator("setcond", "({0} ^ SIGN64) < ({1} ^ SIGN64)", Cond.LT),
}

TRUTH = frozenset((*COMPARE, "and", "or", "not"))

#: intrinsics that are no operators: the number of their arguments
INTRINSICS = {
    "ld8": 1,
    "ld32": 1,
    "ld64": 1,
    "st8": 2,
    "st32": 2,
    "st64": 2,
    "cas64": 3,
    "clock": 0,
    "fill": 3,
    "kernel_call": 4,
}
#: those among them that have no value
STATEMENTS = frozenset(("st8", "st32", "st64", "fill"))


@dataclass
class Definition:
    """A parsed native routine."""

    parameters: list[str]
    takes_env: bool
    body: list[Statement]
    #: locals (and parameters) that are assigned in the body, with the number of assignments
    assigned: dict[str, int]
    #: whether its one `return` is its last statement
    straight: bool
