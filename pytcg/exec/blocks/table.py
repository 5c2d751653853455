"""The memory in which placed blocks are found, by machine code and Python alike.

- *Entries*: 64 bytes for each placed block, one behind the other. A dead one has pc EMPTY.
- *Blocks*: the index of entries, hashed by guest pc and guest physical address.
- *Page heads*: for each page of main RAM the first of a list of entries that have guest bytes in it.
- *Origins*: a direct-mapped memory of entries by physical address and flags. A block that is wanted at another guest
  pc, as in each process that maps a library at an address of its own, is placed again from the template of its origin.
- *Contents*: the index of templates, hashed by what they were translated from. So a block that was translated once, at
  whatever address, or by an earlier run, is not translated again.
- *Control*: the lock, and what is left of code memory.

An index is open addressing over host addresses, from the lower end of its memory, and is made twice as large when it is
three quarters full. Lists and origins hold host addresses of entries. 0 means none everywhere.
"""

from __future__ import annotations

import ctypes
import mmap

from pytcg.tcg.state import WORD, Env

ENTRY = 64
#: placed blocks at most: more than fit into 256 MiB of code memory
MAX_BLOCKS = 3 << 19
# Byte offsets in an entry. FLAGS also holds the physical page of a second page, NEXT the next entry in the list of the
# page, NEXT_SECOND that in the second page's, TEMPLATE the host address of the template, LENGTH the length in guest
# bytes.
PC, PHYSICAL, FLAGS, HOST, NEXT, NEXT_SECOND, TEMPLATE, LENGTH = range(0, ENTRY, WORD)
LOG_ORIGINS = 17

# Byte offsets in the control words. NEXT_ENTRY: host address of the next entry; BLOCKS_LIMIT: how many blocks the index
# has room for; BLOCKS_MASK and CONTENTS_MASK: what byte offsets in the indices are taken modulo, less one word.
LOCK, POSITION, END, USED, BLOCKS, INSNS, KILLED, TEMPLATES, NEXT_ENTRY = range(0, 9 * WORD, WORD)
BLOCKS_LIMIT, BLOCKS_MASK, CONTENTS_LIMIT, CONTENTS_MASK = range(9 * WORD, 13 * WORD, WORD)
# Of templates that machine code makes: where the next one goes, the end of the memory for them, and how many blocks,
# guest instructions and host bytes there are. FORMS: see `exec/blocks/forms.py`; 0 where machine code makes none.
STITCHED, STITCHED_END, STITCHED_BLOCKS, STITCHED_INSNS, STITCHED_BYTES, FORMS = range(13 * WORD, 19 * WORD, WORD)
CONTROL_WORDS = 19

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


class Index:
    """Open addressing over host addresses. `limit` and `mask` are the control words that tell machine code its size."""

    LEAST, MOST = 1 << 15, 1 << 21

    def __init__(self, control: SharedWords, limit: int, mask: int) -> None:
        self.memory = SharedWords(self.MOST)
        self.control = control.words
        self.limit = limit // WORD
        self.mask = mask // WORD
        self.size = self.LEAST
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.memory.clear()
        self.control[self.limit], self.control[self.mask] = self.size * 3 // 4, self.size * WORD - WORD

    def grow(self) -> bool:
        """Become twice as large, and empty; False where that is too large."""
        if self.size == self.MOST:
            return False
        self.size *= 2
        self.clear()
        return True


class BlockTable:
    """All of it, for one machine with `pages` pages of main RAM."""

    def __init__(self, pages: int) -> None:
        self.control = SharedWords(CONTROL_WORDS)
        self.entries = SharedWords(ENTRY // WORD * MAX_BLOCKS)
        self.blocks = Index(self.control, BLOCKS_LIMIT, BLOCKS_MASK)
        self.contents = Index(self.control, CONTENTS_LIMIT, CONTENTS_MASK)
        self.heads = SharedWords(pages)
        self.origins = SharedWords(1 << LOG_ORIGINS)

    def attach(self, env: Env) -> None:
        """Tell a vCPU's machine code where they are."""
        for name, memory in (
            ("block_index", self.blocks.memory),
            ("page_heads", self.heads),
            ("origins", self.origins),
            ("contents", self.contents.memory),
            ("code_control", self.control),
        ):
            env.words[env.index + env.layout.offset[name] // WORD] = memory.address

    def counter(self, offset: int) -> int:
        """A control word."""
        value: int = self.control.words[offset // WORD]
        return value

    def clear(self, position: int, end: int) -> None:
        """Forget all blocks; code memory is free from `position` to `end` (host addresses)."""
        for memory in (self.blocks, self.entries, self.heads, self.origins):
            memory.clear()
        words = self.control.words
        words[POSITION // WORD], words[END // WORD], words[USED // WORD] = position, end, 0
        words[NEXT_ENTRY // WORD] = self.entries.address

    def grow_blocks(self) -> bool:
        """Make the index of blocks larger where it is what is full; it is empty then, to be filled from the entries."""
        return self.counter(USED) >= self.counter(BLOCKS_LIMIT) and self.blocks.grow()

    def grow_contents(self) -> bool:
        """Make the index of contents larger; it is empty then. No other thread may place a block that it translated."""
        if not self.contents.grow():
            return False
        self.control.words[TEMPLATES // WORD] = 0
        return True

    def forget_templates(self) -> None:
        """Forget what was translated; no block may be placed."""
        self.contents.clear()
        self.control.words[TEMPLATES // WORD] = 0
