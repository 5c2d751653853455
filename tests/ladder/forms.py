"""Instruction words made and changed by the names of their arguments, out of the instruction tables."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import cache

from pytcg.frontend.decodetree import Pattern
from pytcg.frontend.riscv.decoding import decoder, patterns
from pytcg.frontend.riscv.isa import configure
from pytcg.tcg.types import MASK64


class Form:
    """A pattern, and how each of its arguments is made of the bits of a word."""

    def __init__(self, table: str, pattern: Pattern, number: int) -> None:
        self.pattern = pattern
        self.table = table
        self.name = pattern.name
        #: of the patterns of this name in its table
        self.number = number
        self.size = pattern.width // 8
        self._read: Callable[[int], tuple[int, ...]] = eval(f"lambda w: {pattern.source}")
        self._base = self.arguments(pattern.value)
        #: argument -> (bit of the word, what the bit adds to the argument)
        self.bits: dict[str, list[tuple[int, int]]] = {name: [] for name in pattern.names}
        for bit in range(pattern.width):
            if not pattern.mask >> bit & 1:
                for name, value in self.arguments(pattern.value | 1 << bit).items():
                    if value != self._base[name]:
                        self.bits[name].append((bit, value - self._base[name]))

    @property
    def label(self) -> str:
        """The table and the name, which stay when lines move; with a number where a name has several patterns."""
        return f"{self.table}:{self.name}" + (f"/{self.number}" if self.number else "")

    def arguments(self, word: int) -> dict[str, int]:
        """The arguments of a word."""
        return dict(zip(self.pattern.names, self._read(word), strict=True))

    def put(self, word: int, name: str, value: int) -> int:
        """The word with another value of an argument. Raises ValueError where it does not fit."""
        missing = value - self._base[name] & MASK64
        for bit, weight in self.bits[name]:
            word &= ~(1 << bit)
            if missing & abs(weight):
                word |= 1 << bit
        if self.arguments(word)[name] != value:
            raise ValueError(f"{self.label}: {name} cannot be {value}")
        return word

    def make(self, **arguments: int) -> int:
        """A word with these arguments, and zero in its other bits."""
        word = self.pattern.value
        for name, value in arguments.items():
            word = self.put(word, name, value)
        return word

    def random(self, rng: random.Random) -> int:
        """A random word that means this pattern, not one before it in its group."""
        pattern = self.pattern
        while True:
            word = rng.getrandbits(pattern.width) & ~pattern.mask | pattern.value
            if match(word) is pattern:
                return word


@cache
def _decoders() -> tuple[Callable[[int], Pattern | None], Callable[[int], Pattern | None]]:
    tables = configure("max").tables
    return decoder(tables, 16).match, decoder(tables, 32).match


def match(word: int) -> Pattern | None:
    """The pattern of a word, with every extension enabled."""
    return _decoders()[word & 3 == 3](word)


@cache
def forms() -> tuple[Form, ...]:
    """All instructions of all tables."""
    found = []
    seen: Counter[tuple[str, str]] = Counter()
    for table in configure("max").tables:
        for pattern in patterns(table):
            found.append(Form(table, pattern, seen[table, pattern.name]))
            seen[table, pattern.name] += 1
    return tuple(found)


@cache
def _by_pattern() -> dict[str, Form]:
    return {form.pattern.where: form for form in forms()}


def form_of(word: int) -> Form | None:
    """The form of a word."""
    pattern = match(word)
    return _by_pattern()[pattern.where] if pattern else None


def named(name: str) -> Form:
    """The 32-bit form of this name."""
    return next(form for form in forms() if form.name == name and form.size == 4)
