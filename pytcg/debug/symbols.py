"""Names for guest addresses, from the symbol tables of executables."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

#: an address so far after a symbol is not called by it
FARTHEST = 1 << 20


class Symbols:
    """Looks addresses up in (address, name) pairs."""

    def __init__(self, pairs: Iterable[tuple[int, str]] = ()) -> None:
        ordered = sorted(set(pairs))
        self._addresses = [address for address, _ in ordered]
        self._names = [name for _, name in ordered]

    def name(self, address: int) -> str:
        """The symbol at or before an address, as main+0x10; empty where there is none."""
        at = bisect_right(self._addresses, address) - 1
        if at < 0 or address - self._addresses[at] > FARTHEST:
            return ""
        offset = address - self._addresses[at]
        return f"{self._names[at]}+{offset:#x}" if offset else self._names[at]
