"""The table of placed blocks: memory that machine code probes and Python fills.

Open addressing over 32-byte entries of four 64-bit words: guest pc, guest physical address of the first byte | 1,
translation flags | physical page of a second page (0: none), host address. An empty entry has host address 0; a dead one
keeps its host address, so that probing goes on past it, and has pc EMPTY.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable

from pytcg.native import native
from pytcg.native.intrinsics import ld64
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, FETCH, JUMP_CACHE_ENTRIES, TLB_ENTRIES, WORD, Env
from pytcg.tcg.types import MASK64

ENTRY = 32
LOG_ENTRIES = 19
FLAGS_MASK = 0xFFF
PAGE_MASK = MASK64 & ~FLAGS_MASK
MIX_PC = 0x9E3779B97F4A7C15
MIX_PHYSICAL = 0xC2B2AE3D27D4EB4F
HASH_SHIFT = 64 - LOG_ENTRIES


class BlockTable:
    """The shared table; not thread-safe for writers, safe for machine code that probes while one writer adds."""

    def __init__(self) -> None:
        # Private, since giving the pages of a shared mapping back would not empty them.
        self.memory = mmap.mmap(-1, ENTRY << LOG_ENTRIES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.words = memoryview(self.memory).cast("Q")
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.mask = (ENTRY << LOG_ENTRIES) - 1
        self.used = 0
        #: entries after which the owner starts over: probes stay short
        self.limit = (1 << LOG_ENTRIES) * 3 // 4

    def attach(self, env: Env) -> None:
        """Tell a vCPU's machine code where the table is."""
        words, index, offset = env.words, env.index, env.layout.offset
        words[index + offset["block_table"] // WORD] = self.address
        words[index + offset["block_mask"] // WORD] = self.mask

    def add(self, pc: int, physical: int, flags: int, second_page: int, host: int) -> int:
        """Add a block and return the index of its entry."""
        words = self.words
        index = ((pc * MIX_PC + physical * MIX_PHYSICAL) & MASK64) >> HASH_SHIFT
        while words[index * 4 + 3]:
            index = (index + 1) & ((1 << LOG_ENTRIES) - 1)
        at = index * 4
        words[at + 1] = physical | 1
        words[at + 2] = flags | second_page
        words[at + 3] = host
        words[at] = pc
        self.used += 1
        return index

    def find(self, pc: int, physical: int, flags: int, second_page: int) -> int:
        """Host address of a block, or 0."""
        words = self.words
        index = ((pc * MIX_PC + physical * MIX_PHYSICAL) & MASK64) >> HASH_SHIFT
        wanted = flags | second_page
        while True:
            at = index * 4
            host: int = words[at + 3]
            if not host:
                return 0
            if words[at] == pc and words[at + 1] == physical | 1 and words[at + 2] == wanted:
                return host
            index = (index + 1) & ((1 << LOG_ENTRIES) - 1)

    def host_of(self, index: int) -> int:
        """Host address of the block of an entry."""
        host: int = self.words[index * 4 + 3]
        return host

    def kill(self, index: int) -> None:
        """Make an entry match nothing."""
        self.words[index * 4] = EMPTY

    def clear(self) -> None:
        """Empty the table. Pages that were touched go back to the host."""
        self.memory.madvise(mmap.MADV_DONTNEED)
        self.used = 0


def make_lookup(tlb_miss: Callable[[Env], int]) -> Callable[[Env], int]:
    """The helper LOOKUP of a guest whose helper TLB_MISS is `tlb_miss`.

    CONTINUE: env.ret is the host address of the block for env.pc under env.flags. JUMP: fetching raised a guest exception.
    SLOW: there is no such block yet, or its page is not known to machine code.
    """

    @native
    def fetch_page(env: Env, pc: int) -> int:
        mode = (env.flags >> 2) & 3
        index = ((mode * 3 + FETCH) * TLB_ENTRIES + ((pc >> 12) & (TLB_ENTRIES - 1))) * 2
        action = Action.CONTINUE
        if env.tlb[index] != (pc & PAGE_MASK):
            env.insn_pc = env.pc
            env.arg[0] = pc
            env.arg[1] = FETCH
            env.arg[2] = mode
            action = tlb_miss(env)
        env.ret = env.tlb[index + 1]
        return action

    @native
    def lookup(env: Env) -> int:
        pc = env.pc
        flags = env.flags
        action = fetch_page(env, pc)
        if action != Action.CONTINUE:
            return action
        physical = pc + env.ret
        at = ((pc * MIX_PC + physical * MIX_PHYSICAL) >> HASH_SHIFT) * ENTRY
        while True:
            entry = env.block_table + at
            host = ld64(entry + 24)
            if host == 0:
                return Action.SLOW
            if ld64(entry) == pc and ld64(entry + 8) == (physical | 1) and (ld64(entry + 16) & FLAGS_MASK) == flags:
                second = ld64(entry + 16) & PAGE_MASK
                if second == 0:
                    break
                next_page = (pc | FLAGS_MASK) + 1
                action = fetch_page(env, next_page)
                if action != Action.CONTINUE:
                    return action
                if next_page + env.ret == second:
                    break
            at = (at + ENTRY) & env.block_mask
        if env.jump_cache_flags[flags & 3] == flags:
            slot = ((flags & 3) * JUMP_CACHE_ENTRIES + ((pc >> 1) & (JUMP_CACHE_ENTRIES - 1))) * 2
            env.jump_cache[slot + 1] = host
            env.jump_cache[slot] = pc
        env.ret = host
        return Action.CONTINUE

    return lookup
