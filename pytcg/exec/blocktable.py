"""The memory in which placed blocks are found, by machine code and Python alike.

- The *table*: open addressing over 64-byte entries of placed blocks, hashed by guest pc and guest physical address. An
  empty entry has host address 0. A dead one keeps its host address, so that probing goes on past it, and has pc EMPTY.
- *Page heads*: for each page of main RAM the first of a list of entries that have guest bytes in it.
- *Origins*: a direct-mapped memory of entries by physical address and flags. A block that is wanted at another guest
  pc, as in each process that maps a library at an address of its own, is placed again from the template of its origin.
- *Contents*: open addressing over host addresses of templates, hashed by what they were translated from. So a block
  that was translated once, at whatever address, or by an earlier run, is not translated again.
- *Control*: the lock, and what is left of code memory.

Lists and origins hold host addresses of entries; 0 means none.
"""

from __future__ import annotations

import ctypes
import mmap

from pytcg.tcg.state import WORD, Env

LOG_ENTRIES = 19
ENTRY = 64
MASK = (ENTRY << LOG_ENTRIES) - 1
#: entries after which the owner starts over, so that probes stay short
LIMIT = (1 << LOG_ENTRIES) * 3 // 4
# Byte offsets in an entry. FLAGS also holds the physical page of a second page, NEXT the next entry in the list of the
# page, NEXT_SECOND that in the second page's, TEMPLATE the host address of the template, LENGTH the length in guest
# bytes.
PC, PHYSICAL, FLAGS, HOST, NEXT, NEXT_SECOND, TEMPLATE, LENGTH = range(0, ENTRY, WORD)
LOG_ORIGINS = 17

# Byte offsets in the control words.
LOCK, POSITION, END, USED, BLOCKS, INSNS, KILLED, TEMPLATES = range(0, 8 * WORD, WORD)
CONTROL_WORDS = 8

# Byte offsets in a template. KEY: translation flags << 12 | offset in the page; PREFIX: the first eight guest bytes, or
# those up to the page's end; from GUEST on the guest bytes, then the code, both padded to whole words.
CODE_LENGTH, CODE_ENTRY, GUEST_LENGTH, GUEST_INSNS, KEY, PREFIX, GUEST = range(0, 7 * WORD, WORD)
LOG_CONTENTS = 19
#: templates that are found by content at most
CONTENTS_LIMIT = (1 << LOG_CONTENTS) * 3 // 4

HUGE_PAGE = 2 << 20


class SharedWords:
    """Zeroed memory of 64-bit words, touched as it is used, for machine code by `address` and for Python by `words`."""

    def __init__(self, count: int) -> None:
        # Private, since giving the pages of a shared mapping back would not empty them.
        self.memory = mmap.mmap(-1, count * WORD, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if count * WORD >= HUGE_PAGE:
            # Look-ups land anywhere in it: with small pages most would miss the host's TLB.
            self.memory.madvise(mmap.MADV_HUGEPAGE)
        self.words = memoryview(self.memory).cast("Q")
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))

    def clear(self) -> None:
        """Back to zeros; the pages go back to the host."""
        self.memory.madvise(mmap.MADV_DONTNEED)


class TemplatesFull(Exception):
    """There is no room for another template; `forget_translations` makes room."""


class BlockTable:
    """Table, page heads, origins and control words of one machine with `pages` pages of main RAM."""

    def __init__(self, pages: int) -> None:
        self.table = SharedWords(ENTRY // WORD << LOG_ENTRIES)
        self.heads = SharedWords(pages)
        self.origins = SharedWords(1 << LOG_ORIGINS)
        self.contents = SharedWords(1 << LOG_CONTENTS)
        self.control = SharedWords(CONTROL_WORDS)

    def attach(self, env: Env) -> None:
        """Tell a vCPU's machine code where they are."""
        for name, memory in (
            ("block_table", self.table),
            ("page_heads", self.heads),
            ("origins", self.origins),
            ("contents", self.contents),
            ("code_control", self.control),
        ):
            env.words[env.index + env.layout.offset[name] // WORD] = memory.address

    def counter(self, offset: int) -> int:
        """A control word."""
        value: int = self.control.words[offset // WORD]
        return value

    def clear(self, position: int, end: int) -> None:
        """Forget all blocks; code memory is free from `position` to `end` (host addresses)."""
        for memory in (self.table, self.heads, self.origins):
            memory.clear()
        words = self.control.words
        words[POSITION // WORD], words[END // WORD], words[USED // WORD] = position, end, 0

    def forget_templates(self) -> None:
        """Forget what was translated; no block may be placed."""
        self.contents.clear()
        self.control.words[TEMPLATES // WORD] = 0
