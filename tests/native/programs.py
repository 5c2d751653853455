"""Random native routines, as source text."""

from __future__ import annotations

import linecache
from random import Random
from typing import Any

from pytcg.native import native

FIELDS = ("env.pc", "env.ret", "env.flags")
ARRAYS = ("arg[{0} & 3]", "scratch[({0} & 7) + 2]", "scratch[1]", "scratch[9 - ({0} & 1)]", "arg[MODE]")
CONSTANTS = ("0", "1", "2", "-1", "8", "0xFFF", "1 << 63", "MODE", "Cond.LTU", "-4096", "(5 - 9)")
LOCALS = ("a", "b", "c")
#: shapes of expressions: {0}, {1}, {2} are expressions, {place} an array word
SHAPES = (
    *(f"({{0}} {operator} {{1}})" for operator in ["+", "-", "*", "&", "|", "^", "==", "!=", "<", "<=", ">", ">="]),
    "({0} << ({1} & 63))",
    "({0} >> ({1} & 63))",
    "({0} << 3)",
    "({0} + 24 + {1} - 8)",
    "mulhu({0}, {1})",
    "signed_lt({0}, {1})",
    "({0} & ~{1})",
    "(-{0})",
    "(~{0})",
    "(not {0})",
    "({0} if {1} else {2})",
    "({0} if MODE == 1 else {1})",
    "({0} == 0 and {1} & 1)",
    "(not ({0} & 2 or {1} == {0}))",
    "env.{place}",
    "env.{place}",
    "ld32(env.self + 8 * ({0} & 15) + 4)",
    "cas64(env.self + 8 * ({0} & 15), {1}, {2})",
)
STATEMENTS = (
    *("{local} = {0}",) * 4,
    *("env.{place} = {0}",) * 2,
    *("{field} = {0}",) * 2,
    *(f"{{local}} {operator}= {{0}}" for operator in ["+", "-", "^", "<<"]),
    "{field} += {0}",
    "env.{place} += {0}",
    "return {0}",
    "st8(env.self + ({0} & 127), {1})",
    "fill(env.self + 16, {0}, {1} & 7)",
    "fill(env.self + 64, {0}, 8)",
)


def define(text: str, names: dict[str, Any]) -> dict[str, Any]:
    """What a module with this text defines, given the names that it uses."""
    file = f"<routine {hash(text):x}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {"native": native, **names}
    exec(compile(text, file, "exec"), namespace)
    return namespace


class Program:
    """Writes one module: routines with parameters, and a routine `top` that calls them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.callees: list[str] = []

    def text(self) -> str:
        lines: list[str] = []
        for name, parameters, first, last, depth in (
            ("first", ", a, b", "c = 7", "return c", 1),
            ("second", ", a, b", f"c = {self.random.choice(['a', 'b + 1', 'a & b', '5', 'env.pc'])}", "return a", 1),
            ("third", ", c, b", "a = b - 1", "return (c ^ b) + env.pc - a", 0),
            ("same", ", a, b", "", "return a", 0),
            ("top", "", "", "return a ^ b ^ c", 2),
        ):
            body = [first] if first else []
            if name == "top":
                body = ["a = env.arg[0]", "b = env.arg[1]", "c = 3"]
            if depth:
                body += self.block(depth)
            lines += ["@native", f"def {name}(env{parameters}):", *("    " + line for line in (*body, last))]
            self.callees.append(name)
        return "\n".join(lines)

    def expression(self, depth: int = 3) -> str:
        choice, random = self.random.choice, self.random
        if not depth or random.random() < 0.2:
            return choice((choice(LOCALS), choice(LOCALS), choice(CONSTANTS), choice(FIELDS)))
        parts = [self.expression(depth - random.randint(1, 2) if depth > 1 else 0) for _ in range(3)]
        if self.callees and random.random() < 0.15:
            return f"{choice(self.callees)}(env, {parts[0]}, {parts[1]})"
        return choice(SHAPES).format(*parts, place=choice(ARRAYS).format(parts[2]))

    def block(self, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(self.random.randint(1, 4)):
            kind = self.random.random() if depth else 1
            if kind < 0.3:
                lines += [f"if {self.expression(2)}:", *self.inner(depth)]
                lines += [f"elif {self.expression(1)}:", *self.inner(depth), "else:", *self.inner(depth)]
            elif kind < 0.5:
                # A counter for each depth, so that each loop ends.
                leave = self.random.choice(("break", "continue", "pass", "return b"))
                lines += [f"n{depth} = 3", f"while n{depth} and {self.expression(1)} != 77:", f"    n{depth} -= 1"]
                lines += [*self.inner(depth), f"    if {self.expression(2)}:", f"        {leave}", *self.inner(depth)]
            else:
                text = self.random.choice(STATEMENTS)
                place = self.random.choice(ARRAYS).format(self.expression(1))
                local, field = self.random.choice(LOCALS), self.random.choice(FIELDS)
                parts = [self.expression(), self.expression(2)]
                if text == "{local} <<= {0}":
                    parts[0] = f"({parts[0]} & 63)"
                lines.append(text.format(*parts, place=place, local=local, field=field))
        return lines

    def inner(self, depth: int) -> list[str]:
        return ["    " + line for line in self.block(depth - 1)]
