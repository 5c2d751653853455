"""Decoder of instruction words: a tree grown from the patterns of an instruction table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, reduce
from operator import and_
from types import FunctionType

from pytcg.frontend.decodetree import DecodeError, Pattern
from pytcg.tcg.ops import Op

Args = tuple[int, ...]
#: a trans function: takes the translator and the arguments of a pattern; may return an op that depends on these alone
Trans = Callable[..., Op | None]
Decoded = tuple[Trans, Args]
_Leaf = list[Pattern]
_Node = tuple[int, dict[int, "_Node | _Leaf"]]


class Decoder:
    """Finds the pattern of a word. All patterns have one width, in bits.

    `trans` maps the name of a pattern to the function that translates it, called with the translator and the pattern's
    arguments. Raises DecodeError for a pattern without its function, for a function with another number of arguments,
    and for patterns that overlap outside of a common group.
    """

    def __init__(self, patterns: Iterable[Pattern], trans: Mapping[str, Trans]) -> None:
        self.patterns = tuple(patterns)
        self._trans = trans
        for pattern in self.patterns:
            _check_function(pattern, trans)
        self._root = _grow(list(self.patterns), -1)

    def match(self, word: int) -> Pattern | None:
        """The pattern of a word."""
        node = self._root
        while isinstance(node, tuple):
            mask, children = node
            node = children.get(word & mask, [])
        for pattern in node:
            if word & pattern.mask == pattern.value:
                return pattern
        return None

    def decode(self, word: int) -> Decoded | None:
        """The function that translates a word, and its arguments."""
        pattern = self.match(word)
        return (self._trans[pattern.name], _extractor(pattern.source)(word)) if pattern else None


@cache
def _extractor(source: str) -> Callable[[int], Args]:
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


def _grow(patterns: list[Pattern], undecided: int) -> _Node | _Leaf:
    """Split on the bits that all patterns fix, and again below, until there is nothing left to split on."""
    common = reduce(and_, (pattern.mask for pattern in patterns), undecided) if len(patterns) > 1 else 0
    if not common:
        _check_overlap(patterns)
        return patterns
    children: dict[int, list[Pattern]] = {}
    for pattern in patterns:
        children.setdefault(pattern.value & common, []).append(pattern)
    return common, {value: _grow(below, undecided & ~common) for value, below in children.items()}


def _check_overlap(patterns: list[Pattern]) -> None:
    """Only patterns of one leaf can overlap: those of different branches differ in a bit that both fix."""
    for i, one in enumerate(patterns):
        for other in patterns[:i]:
            if not (one.value ^ other.value) & one.mask & other.mask and not (one.group and one.group == other.group):
                raise DecodeError(f"{one.where}: {one.name} overlaps {other.name} ({other.where})")
