"""The units of RISC-V: see `frontend/units.py`. Which bits are an immediate follows from the instruction tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from pytcg.frontend.decoder import Decoder, extractor
from pytcg.frontend.decodetree import Pattern
from pytcg.frontend.units import NIBBLES, WORD_MASK, Immediate, Units, WordClass
from pytcg.native import native
from pytcg.native.intrinsics import ld32
from pytcg.tcg.types import MASK64

#: by the name of a pattern
KINDS = (
    dict.fromkeys(("lb", "lh", "lw", "ld", "lbu", "lhu", "lwu", "sb", "sh", "sw", "sd"), Immediate.VALUE)
    | dict.fromkeys(("addi", "addiw", "andi", "lui"), Immediate.VALUE)
    | dict.fromkeys(("jal", "beq", "bne", "blt", "bge", "bltu", "bgeu"), Immediate.TARGET)
    | {"auipc": Immediate.DISTANCE}
)
#: patterns of the second word of a unit, after an auipc
SECOND = ("addi", "jalr")
#: bits that the number of a class is made of
LONG_BITS, SHORT_BITS = 0x707F, 0xE003
RD, RS1 = 7, 15


@native
def fetch(address: int) -> int:
    word = ld32(address)
    return word if word & 3 == 3 else word & 0xFFFF


@native
def length(word: int) -> int:
    return 4 if word & 3 == 3 else 2


@native
def word_class(word: int) -> int:
    """By opcode and funct3."""
    if word & 3 == 3:
        return word >> 2 & 31 | (word >> 12 & 7) << 5
    return 256 | word & 3 | (word >> 13 & 7) << 2


@native
def joins(first: int, second: int) -> int:
    """auipc, then an addi to the same register or a jump to where it points."""
    rd = first >> RD & 31
    if first & 0x7F != 0x17 or rd == 0:
        return 0
    if second & 3 == 3:
        if second >> RS1 & 31 != rd:
            return 0
        if second & LONG_BITS == 0x13:
            return Immediate.DISTANCE if second >> RD & 31 == rd and second >> 20 != 0 else 0
        return Immediate.TARGET if second & LONG_BITS == 0x67 else 0
    if second >> RD & 31 != rd:
        return 0
    if second & 0xE07F == 0x8002:
        return Immediate.TARGET
    return Immediate.DISTANCE if second & SHORT_BITS == 1 and second & 0x107C != 0 else 0


UNITS = Units(fetch, length, word_class, joins, 288)


def word_classes(decoders: Iterable[Decoder]) -> dict[int, WordClass]:
    """The classes of an ISA configuration: see `Guest.word_classes`."""
    found: dict[int, list[Pattern]] = {}
    for decoder in decoders:
        for pattern in decoder.patterns:
            for number in _numbers(pattern):
                found.setdefault(number, []).append(pattern)
    return {number: made for number, patterns in found.items() if (made := _class(patterns))}


def _numbers(pattern: Pattern) -> Iterator[int]:
    """The classes that words of a pattern may belong to."""
    bits = LONG_BITS if pattern.width == 32 else SHORT_BITS
    free = subset = bits & ~pattern.mask
    while True:
        yield word_class(pattern.value & bits | subset)
        if not subset:
            return
        subset = (subset - 1) & free


def _class(patterns: list[Pattern]) -> WordClass | None:
    """The class of some patterns; None if their words are forms as they are."""
    kind = next((KINDS[pattern.name] for pattern in patterns if pattern.name in KINDS), Immediate.NONE)
    sources = {
        (pattern.source, pattern.names.index("imm"))
        for pattern in patterns
        if pattern.name in KINDS or pattern.name in SECOND
    }
    if len(sources) != 1:
        return None
    bits, table = _immediate(*sources.pop())
    if any(pattern.mask & bits for pattern in patterns):
        return None
    return WordClass(kind, WORD_MASK & ~bits if kind else WORD_MASK, WORD_MASK & ~bits, table)


@cache
def _immediate(source: str, index: int) -> tuple[int, tuple[int, ...]]:
    """The bits of a word that an argument comes from, and `WordClass.immediate`."""
    arguments = extractor(source)
    table = tuple(arguments(n << 4 * nibble)[index] & MASK64 for nibble in range(NIBBLES) for n in range(16))
    return sum(1 << bit for bit in range(32) if table[bit // 4 << 4 | 1 << bit % 4]), table
