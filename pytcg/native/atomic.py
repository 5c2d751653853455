"""Changes of bits in a word that several threads change."""

from __future__ import annotations

from pytcg.native.function import native
from pytcg.native.intrinsics import cas64, ld64


@native
def set_bits(address: int, bits: int) -> int:
    """Set bits of the 64-bit word at a host address: what it was before. As atomic as cas64."""
    old = ld64(address)
    found = cas64(address, old, old | bits)
    while found != old:
        old = found
        found = cas64(address, old, old | bits)
    return old


@native
def clear_bits(address: int, bits: int) -> int:
    """Clear bits of the 64-bit word at a host address: what it was before. As atomic as cas64."""
    old = ld64(address)
    while old & bits:
        found = cas64(address, old, old & ~bits)
        if found == old:
            break
        old = found
    return old
