"""Algebraic rewrite rules of the optimiser, as op text: what matches, and what takes its place.

`d`, `a` and `b` stand for any operands, `zero` for the register that reads as 0, `*` for each type that the op has. A
rule must hold for all values of its inputs; constants are compared as written, so a constant in another notation only
misses the rule. Each is proved by tests/tcg/test_rules.py.
"""

from __future__ import annotations

from pytcg.tcg.ops import BY_NAME, Op, definition
from pytcg.tcg.state import CONST, TEMP
from pytcg.tcg.text import parse_op

#: (name, pattern, replacement)
RULES: tuple[tuple[str, str, str], ...] = (
    ("add zero", "add.i64 d, a, #0", "mov.i64 d, a"),
    ("subtract zero", "sub.i64 d, a, #0", "mov.i64 d, a"),
    ("subtract from zero", "sub.* d, zero, b", "neg.* d, b"),
    ("subtract itself", "sub.* d, a, a", "movi.i64 d, #0"),
    ("and zero", "and.* d, a, #0", "movi.i64 d, #0"),
    ("and all ones", "and.i64 d, a, #-1", "mov.i64 d, a"),
    ("and itself", "and.i64 d, a, a", "mov.i64 d, a"),
    ("or zero", "or.i64 d, a, #0", "mov.i64 d, a"),
    ("or all ones", "or.i64 d, a, #-1", "movi.i64 d, #-1"),
    ("or itself", "or.i64 d, a, a", "mov.i64 d, a"),
    ("xor zero", "xor.i64 d, a, #0", "mov.i64 d, a"),
    ("xor all ones", "xor.* d, a, #-1", "not.* d, a"),
    ("xor itself", "xor.* d, a, a", "movi.i64 d, #0"),
    ("and-not zero", "andc.i64 d, a, #0", "mov.i64 d, a"),
    ("and-not itself", "andc.* d, a, a", "movi.i64 d, #0"),
    ("or-not all ones", "orc.i64 d, a, #-1", "mov.i64 d, a"),
    ("or-not itself", "orc.i64 d, a, a", "movi.i64 d, #-1"),
    ("shift left by zero", "shl.i64 d, a, #0", "mov.i64 d, a"),
    ("shift right by zero", "shr.i64 d, a, #0", "mov.i64 d, a"),
    ("shift arithmetically by zero", "sar.i64 d, a, #0", "mov.i64 d, a"),
    ("rotate left by zero", "rotl.i64 d, a, #0", "mov.i64 d, a"),
    ("rotate right by zero", "rotr.i64 d, a, #0", "mov.i64 d, a"),
    ("shift zero left", "shl.* d, zero, b", "movi.i64 d, #0"),
    ("shift zero right", "shr.* d, zero, b", "movi.i64 d, #0"),
    ("shift zero arithmetically", "sar.* d, zero, b", "movi.i64 d, #0"),
    ("multiply by zero", "mul.* d, a, #0", "movi.i64 d, #0"),
    ("multiply by one", "mul.i64 d, a, #1", "mov.i64 d, a"),
    ("multiply by minus one", "mul.* d, a, #-1", "neg.* d, a"),
    ("divide by one", "div.i64 d, a, #1", "mov.i64 d, a"),
    ("divide unsigned by one", "divu.i64 d, a, #1", "mov.i64 d, a"),
    ("remainder by one", "rem.* d, a, #1", "movi.i64 d, #0"),
    ("unsigned remainder by one", "remu.* d, a, #1", "movi.i64 d, #0"),
    ("less than zero, unsigned", "setcond.* d, a, #0, ltu", "movi.i64 d, #0"),
    ("at least zero, unsigned", "setcond.* d, a, #0, geu", "movi.i64 d, #1"),
    ("equal to itself", "setcond.* d, a, a, eq", "movi.i64 d, #1"),
    ("different from itself", "setcond.* d, a, a, ne", "movi.i64 d, #0"),
    ("less than itself", "setcond.* d, a, a, lt", "movi.i64 d, #0"),
    ("less than itself, unsigned", "setcond.* d, a, a, ltu", "movi.i64 d, #0"),
)

#: operands of a pattern that match anything
VARIABLES = {"d": TEMP, "a": TEMP + 1, "b": TEMP + 2}
NAMES = {**VARIABLES, "zero": 0}

#: a rule ready for use: fields after b and imm that must be equal, and the replacement, whose variables are named by
#: their index
Rule = tuple[Op, Op]
#: how a pattern's inputs look: (op code, constant b), or (op code, EQUAL_INPUTS), or (op code, ZERO_INPUT)
Key = tuple[int, int | str]
EQUAL_INPUTS, ZERO_INPUT = "a, a", "zero, b"
REST = 5


def expand(pattern: str, replacement: str) -> list[tuple[Op, Op]]:
    """A rule's two sides as ops, for each type that `*` stands for."""
    types = BY_NAME[pattern.partition(".")[0]].types if ".*" in pattern else ()
    texts = [(pattern.replace("*", t.name.lower()), replacement.replace("*", t.name.lower())) for t in types]
    return [(parse_op(left, NAMES), parse_op(right, NAMES)) for left, right in texts or [(pattern, replacement)]]


def _compile() -> dict[Key, list[Rule]]:
    table: dict[Key, list[Rule]] = {}
    for _, pattern, replacement in RULES:
        for left, right in expand(pattern, replacement):
            _, _, a, b, imm = left[:REST]
            shape: int | str = imm if b == CONST else EQUAL_INPUTS if a == b else ZERO_INPUT
            table.setdefault((left[0], shape), []).append((left[REST:], right))
    return table


BY_SHAPE = _compile()


def rewrite(op: Op) -> Op:
    """A two-input op as the first rule that matches makes it, or the op itself."""
    op_code, _, a, b, imm = op[:REST]
    if b == CONST:
        rules = BY_SHAPE.get((op_code, imm))
    elif a == b:
        rules = BY_SHAPE.get((op_code, EQUAL_INPUTS))
    elif a == 0:
        rules = BY_SHAPE.get((op_code, ZERO_INPUT))
    else:
        return op
    if rules:
        for rest, replacement in rules:
            if op[REST:] == rest:
                return _instantiate(replacement, op)
    return op


def _instantiate(replacement: Op, op: Op) -> Op:
    """The replacement with the operands of the op that matched: TEMP + n becomes operand n."""
    fields = definition(replacement[0]).fields
    values = zip(fields, replacement[1:], strict=True)
    return replacement[0], *(op[value - TEMP + 1] if field in VARIABLES else value for field, value in values)
