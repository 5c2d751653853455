"""Decoder of instruction words: a tree grown from the patterns of an instruction table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, reduce
from operator import and_
from types import FunctionType
from typing import NamedTuple

from pytcg.frontend.decodetree import DecodeError, Pattern
from pytcg.tcg.ops import Op

Args = tuple[int, ...]
#: a trans function: takes the translator and the arguments of a pattern; may return an op that depends on these alone
Trans = Callable[..., Op | None]
Decoded = tuple[Trans, Args]


class _Row(NamedTuple):
    """A pattern, ready for use."""

    mask: int
    value: int
    function: Trans
    arguments: Callable[[int], Args]
    pattern: Pattern


#: a mask and the nodes below by the masked word; or, where nothing is below, the rows to try
_Node = tuple[int, dict[int, "_Node"], list[_Row]]
_NO_NODE: _Node = (0, {}, [])


class Decoder:
    """Finds the pattern of a word. All patterns have one width, in bits.

    `trans` maps the name of a pattern to the function that translates it, called with the translator and the pattern's
    arguments. Raises DecodeError for a pattern without its function, for a function with another number of arguments,
    and for patterns that overlap outside of a common group.
    """

    def __init__(self, patterns: Iterable[Pattern], trans: Mapping[str, Trans]) -> None:
        self.patterns = tuple(patterns)
        rows = []
        for pattern in self.patterns:
            _check_function(pattern, trans)
            function, arguments = trans[pattern.name], extractor(pattern.source)
            rows.append(_Row(pattern.mask, pattern.value, function, arguments, pattern))
        self._root = _grow(rows, -1)

    def match(self, word: int) -> Pattern | None:
        """The pattern of a word."""
        return next((pattern for pattern in self.patterns if word & pattern.mask == pattern.value), None)

    def decode(self, word: int) -> Decoded | None:
        """The function that translates a word, and its arguments."""
        mask, children, rows = self._root
        while children:
            mask, children, rows = children.get(word & mask, _NO_NODE)
        for row in rows:
            if word & row[0] == row[1]:
                return row[2], row[3](word)
        return None


@cache
def extractor(source: str) -> Callable[[int], Args]:
    """A function from an instruction word to the arguments of its pattern. Most patterns share theirs with others."""
    function: Callable[[int], Args] = eval(f"lambda w: {source}")
    return function


def _check_function(pattern: Pattern, trans: Mapping[str, Trans]) -> None:
    function = trans.get(pattern.name)
    if function is None:
        raise DecodeError(f"{pattern.where}: there is no trans_{pattern.name}")
    taken = function.__code__.co_argcount - 1 if isinstance(function, FunctionType) else -1
    if taken != len(pattern.names):
        raise DecodeError(f"{pattern.where}: trans_{pattern.name} takes {taken} arguments, not {len(pattern.names)}")


def _grow(rows: list[_Row], undecided: int) -> _Node:
    """Split on the bits that all patterns fix, and again below, until there is nothing left to split on."""
    common = reduce(and_, (row.mask for row in rows), undecided) if len(rows) > 1 else 0
    if not common:
        _check_overlap([row.pattern for row in rows])
        return 0, {}, rows
    below: dict[int, list[_Row]] = {}
    for row in rows:
        below.setdefault(row.value & common, []).append(row)
    return common, {value: _grow(some, undecided & ~common) for value, some in below.items()}, []


def _check_overlap(patterns: list[Pattern]) -> None:
    """Only patterns of one leaf can overlap: those of different branches differ in a bit that both fix."""
    for i, one in enumerate(patterns):
        for other in patterns[:i]:
            if not (one.value ^ other.value) & one.mask & other.mask and not (one.group and one.group == other.group):
                raise DecodeError(f"{one.where}: {one.name} overlaps {other.name} ({other.where})")
