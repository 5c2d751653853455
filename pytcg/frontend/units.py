"""What native code needs to know of a guest's instructions to put blocks together from host code that is made already.

A *unit* is an instruction, or two that the guest's translator fuses. Its *form* is all that its host code depends on
but where it stands and the value of its immediate: the words without the bits of that, and how wide it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

WORD_MASK = 0xFFFFFFFF
#: an immediate is looked up by 4 bits of the word at a time
NIBBLES = 8
#: guest instructions of a block at most
MOST_INSNS = 64


class Immediate(IntEnum):
    """What the immediate of a unit is."""

    #: none, or part of the form
    NONE = 0
    #: of a load or store, or of arithmetic
    VALUE = 1
    #: distance from the unit to where it jumps; no other unit follows
    TARGET = 2
    #: distance from the unit to an address
    DISTANCE = 3


class WordClass(NamedTuple):
    """Instruction words whose immediate is encoded alike, as the first and as the second word of a unit."""

    kind: Immediate
    #: bits of the word that are part of the form, if it is the first and if it is the second
    mask: int
    mask_second: int
    #: for each 4 bits of the word, lowest first, and each of their 16 values, what they give to the immediate, which is
    #: the exclusive or of these
    immediate: tuple[int, ...]


@dataclass(frozen=True)
class Units:
    """The units of a guest. The functions are native routines; `fetch` takes a host address."""

    #: the instruction word at a host address; 32 bits there may be read
    fetch: Callable[[int], int]
    #: length in bytes of the instruction of a word
    length: Callable[[int], int]
    #: number of the class of a word
    word_class: Callable[[int], int]
    #: what the sum of the immediates of a word and the next one is if they are fused, else 0
    joins: Callable[[int, int], int]
    #: how many classes there are
    classes: int
