"""64-bit words for tests: edges, and random ones that are often near an edge."""

from __future__ import annotations

import random

from pytcg.tcg.types import MASK64

#: where widths, signs and immediates of host instructions end
WORDS = (
    *(0, 1, 2, 31, 32, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63),
    *(MASK64, MASK64 - 127, MASK64 - 128, 2**64 - 2**31, 2**64 - 2**31 - 1),
)


def word(rng: random.Random) -> int:
    """A random 64-bit word, often near an edge."""
    choice = rng.randrange(4)
    if choice == 0:
        return rng.getrandbits(64)
    if choice == 1:
        return rng.getrandbits(rng.choice((8, 16, 32)))
    value = rng.choice(WORDS) + rng.choice((0, 0, 1, -1))
    return (value if choice == 2 else -value) & MASK64
