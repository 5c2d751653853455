"""Templates: host code of blocks, free of addresses, in memory from which machine code too can place it.

Byte offsets in a template: KEY are translation flags << 12 | offset in the page; PREFIX the first eight guest bytes, or
those up to the page's end; from GUEST on follow the guest bytes, then the code, both padded to whole words.
"""

from __future__ import annotations

import ctypes
from struct import Struct

from pytcg.exec.blocks.table import SharedWords
from pytcg.tcg.state import WORD

CODE_LENGTH, CODE_ENTRY, GUEST_LENGTH, GUEST_INSNS, KEY, PREFIX, GUEST = range(0, 7 * WORD, WORD)
_HEADER = Struct("<QQQQQQ")


class TemplatesFull(Exception):
    """There is no room for another template; `forget_translations` makes room."""


def _padded(length: int) -> int:
    return length + WORD - 1 & -WORD


def template_size(data: memoryview, at: int) -> int:
    """Bytes of the template at an offset in memory, its padding included."""
    code_length, _, guest_length, _, _, _ = _HEADER.unpack_from(data, at)
    return int(GUEST + _padded(guest_length) + _padded(code_length))


def guest_of(template: int) -> tuple[bytes, int]:
    """The guest bytes of the template at a host address, and how many instructions they are."""
    _, _, length, insns, _, _ = _HEADER.unpack(ctypes.string_at(template, GUEST))
    return ctypes.string_at(template + GUEST, length), insns


class Templates:
    """The templates that Python makes, one behind the other in `size` bytes."""

    def __init__(self, size: int) -> None:
        self.memory = SharedWords(size // WORD)
        self.address = self.memory.address
        self.bytes = self.memory.words.cast("B")
        self.end = 0
        #: bytes of all code ever added
        self.code_bytes = 0

    def add(self, code: bytes, entry: int, flags: int, offset: int, guest: bytes, insns: int, prefix: int) -> int:
        """Add the host code of `guest`, to be entered `entry` bytes into it: the host address of its template.

        The rest is as for `exec/translate.py`, Make. Raises TemplatesFull.
        """
        start = self.end
        guest_at = start + GUEST
        code_at = guest_at + _padded(len(guest))
        end = code_at + _padded(len(code))
        memory = self.bytes
        if end > len(memory):
            raise TemplatesFull
        _HEADER.pack_into(memory, start, len(code), entry, len(guest), insns, flags << 12 | offset, prefix)
        memory[guest_at : guest_at + len(guest)] = guest
        memory[code_at : code_at + len(code)] = code
        self.end = end
        self.code_bytes += len(code)
        return self.address + start

    def made(self) -> memoryview:
        """All of them."""
        return self.bytes[: self.end]

    def clear(self) -> None:
        """Forget them all. No block may be placed or run."""
        self.end = 0
