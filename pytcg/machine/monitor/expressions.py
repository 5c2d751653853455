"""Numbers as a monitor's user writes them: 0x80000000+4*8, $pc, ($sp & ~7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pytcg.machine.monitor.command import MonitorError

MASK64 = (1 << 64) - 1
TOKEN = re.compile(r"\s*(0[xX][0-9a-fA-F]{1,40}|\d{1,40}|\$[\w.]+|<<|>>|[-+*/%&|^~()])")


def _divide(a: int, b: int) -> int:
    if not b:
        raise MonitorError("division by zero")
    return a // b


def _remainder(a: int, b: int) -> int:
    if not b:
        raise MonitorError("division by zero")
    return a % b


#: binary operators, those that bind loosest first
LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"|": int.__or__},
    {"^": int.__xor__},
    {"&": int.__and__},
    {"<<": lambda a, b: a << min(b, 64), ">>": lambda a, b: a >> min(b, 64)},
    {"+": int.__add__, "-": int.__sub__},
    {"*": int.__mul__, "/": _divide, "%": _remainder},
)


class _Parser:
    def __init__(self, tokens: list[str], registers: Callable[[], Mapping[str, int]]) -> None:
        self.tokens = tokens
        self.registers = registers

    def binary(self, level: int) -> int:
        if level == len(LEVELS):
            return self.unary()
        value = self.binary(level + 1)
        while self.tokens and self.tokens[0] in LEVELS[level]:
            operator = LEVELS[level][self.tokens.pop(0)]
            value = operator(value, self.binary(level + 1)) & MASK64
        return value

    def unary(self) -> int:
        if not self.tokens:
            raise MonitorError("the expression is cut short")
        token = self.tokens.pop(0)
        if token in "+-~":
            value = self.unary()
            return {"+": value, "-": -value, "~": ~value}[token] & MASK64
        if token == "(":
            value = self.binary(0)
            if not self.tokens or self.tokens.pop(0) != ")":
                raise MonitorError("a parenthesis is not closed")
            return value
        if token.startswith("$"):
            registers = self.registers()
            if token[1:] not in registers:
                raise MonitorError(f"no register {token}")
            return registers[token[1:]]
        if not token[0].isdigit():
            raise MonitorError(f"{token} is not where it can be")
        return int(token, 16 if token[:2].lower() == "0x" else 10) & MASK64


def evaluate(text: str, registers: Callable[[], Mapping[str, int]]) -> int:
    """The value, modulo 2**64; `registers` gives those of the current CPU. Raises MonitorError."""
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise MonitorError(f"{text!r} is not a number or an expression")
        tokens.append(match[1])
        at = match.end()
    parser = _Parser(tokens, registers)
    try:
        value = parser.binary(0)
    except RecursionError:
        raise MonitorError("the expression is nested too deep") from None
    if parser.tokens:
        raise MonitorError(f"{text!r} is not an expression: {parser.tokens[0]} is too much")
    return value
