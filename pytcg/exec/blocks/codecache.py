"""Placed blocks: found by guest address, dropped when guest code changes; whatever runs them."""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import RLock
from typing import Generic

from pytcg.exec.blocks.firstcode import FirstCode
from pytcg.exec.stats import Stats
from pytcg.exec.translate import Code, TranslatedBlock
from pytcg.softmmu.regions import CODE, Ram
from pytcg.tcg.state import ENTRY_WORDS, LARGE_ENTRIES, LIMIT, NUM_MMU_MODES, NUM_SLOTS, TLB_ENTRIES, WORD, WRITE, Env

PAGE = 4096
#: stores into one page that hit no block, after which all its blocks go: the page has become data
PATIENCE = 4
#: the store map of a page when the code is gone, by what it was
WITHOUT_CODE = bytes(who & ~CODE for who in range(256))
NO_LIMITS = memoryview(bytes(WORD * TLB_ENTRIES)).cast("Q")
#: where a vCPU's translations of a mode and access kind are, and how many may be; each is filled from the one before
TRANSLATIONS: tuple[Callable[[Env, int, int], tuple[int, int]], ...] = (
    lambda env, mode, access: (env.layout.large_tlb(mode, access), LARGE_ENTRIES),
    lambda env, mode, access: (env.layout.tlb(mode, access), env.tlb_entries_used(mode, access)),
    lambda env, mode, access: (env.layout.slot(mode, access, 0), NUM_SLOTS),
)


class CodeCache(ABC, Generic[Code]):
    """Placed blocks of a machine, and which pages of main RAM they come from. Methods are called under `lock`."""

    def __init__(self, ram: Ram, stats: Stats) -> None:
        self.ram = ram
        self.stats = stats
        self.lock = RLock()
        self.envs: list[Env] = []
        self.first_code = FirstCode(self.envs, lambda page: self.drop(page, PAGE, changed=True))
        #: `Ram.store_map`: has CODE where a store may hit translated code
        self.code_map = ram.store_map
        self.code_map_address = ctypes.addressof(ctypes.c_char.from_buffer(self.code_map))
        #: by page, the stores since the last that hit a block
        self.misses: dict[int, int] = {}
        #: numbers of the pages outside main RAM that blocks come from
        self.elsewhere: set[int] = set()
        #: how often everything was dropped, or room was made otherwise
        self.generation = 0

    def attach(self, env: Env) -> None:
        """Take a vCPU in."""
        self.envs.append(env)
        env.words[env.index + env.layout.offset["code_map"] // WORD] = self.code_map_address

    @abstractmethod
    def place(self, pc: int, flags: int, block: TranslatedBlock[Code], physical: int, second_page: int) -> int:
        """Place a block for a guest pc and translation flags: what `find` says from then on, or 0 where there is no
        room.

        `physical`: guest physical address of its first byte; `second_page`: of the page in which its last instruction
        ends, or 0.
        """

    def known(self, env: Env) -> tuple[TranslatedBlock[Code], int] | None:
        """A translation that machine code has found for env.pc but could not place, and its second page."""
        return None

    def learn(self, env: Env) -> bool:
        """Make what machine code lacked to put the block for env.pc together; whether it is worth another try."""
        return False

    def forget_translations(self) -> None:
        """Forget what was translated too. As `flush`, which comes before."""

    @abstractmethod
    def find(self, pc: int, physical: int, flags: int, second_page: int) -> int:
        """The placed block, by its host address or number; 0 if there is none."""

    def note_code(self, *addresses: int) -> None:
        """From now on watch the pages of physical addresses for stores."""
        self.elsewhere.update(at >> 12 for at in addresses if not self.ram.base <= at < self.ram.end)
        pages = {(physical - self.ram.base) >> 12 for physical in addresses}
        fresh = [page for page in pages if 0 <= page < len(self.code_map) and not self.code_map[page] & CODE]
        if fresh:
            # first, as it may find that an earlier page has no code any more
            self.first_code.confirm()
            for page in fresh:
                self.code_map[page] |= CODE
            self.forget_writes()
            self.first_code.note(*(self.ram.base + page * PAGE for page in fresh))

    def fence(self) -> None:
        """See to it that no block is found whose guest bytes memory does not hold. Takes the lock itself."""
        with self.lock:
            self.first_code.confirm()

    def forget_writes(self) -> None:
        """Empty the WRITE TLBs and slots of all vCPUs, so that stores meet a page's new state.

        Machine code fills an entry, then looks whether it still may, without a barrier between (`helper_tlb_miss` at
        code_map or the TLB of superpages, the memory thunks at the TLB). With one here it either sees the new state or
        has filled before, and what it filled is emptied. Limits alone are written: a vCPU that fills an entry of
        another page meanwhile has its own addend.
        """
        for where in TRANSLATIONS:
            self.barrier()
            for env in self.envs:
                for mode in range(NUM_MMU_MODES):
                    _empty(env, *where(env, mode, WRITE))

    def barrier(self) -> None:
        """Order what other vCPUs read and wrote so far before what follows; Python's lock does where all is Python."""

    def flush(self) -> None:
        """Drop all placed blocks. No vCPU may be in the middle of one."""
        self.generation += 1
        self.stats.flushes += 1
        self.misses.clear()
        self.first_code.forget()
        self.elsewhere.clear()
        self.code_map[:] = self.code_map[:].translate(WITHOUT_CODE)
        self.drop_all()
        for env in self.envs:
            env.forget_blocks()

    def make_room(self) -> None:
        """See to it that a block can be placed. As `flush`, which it may be."""
        self.flush()

    def store_into_code(self, physical: int, size: int, everything: bool = False) -> None:
        """Drop the blocks that `size` bytes stored at guest physical address `physical` overlap, within one page of
        main RAM.

        `everything`: drop all blocks of the page.
        """
        page = (physical - self.ram.base) >> 12
        if not self.code_map[page] & CODE:
            return
        if everything or not self.drop(physical, size):
            misses = self.misses.get(page, 0) + 1
            self.misses[page] = misses
            if everything or misses >= PATIENCE:
                self.drop(physical & -PAGE, PAGE)
        if not self.code_map[page] & CODE:
            self.misses.pop(page, None)

    def overwritten(self, physical: int, size: int) -> None:
        """Drop the blocks that a range of memory overlaps, which was written to. Takes the lock itself.

        If the range is none of main RAM's, all blocks outside that are dropped with them.
        """
        start = physical - self.ram.base
        if not 0 <= start < self.ram.size:
            if not self.elsewhere.isdisjoint(range(physical >> 12, (physical + size - 1 >> 12) + 1)):
                with self.lock:
                    self.drop_elsewhere()
                    self.elsewhere.clear()
            return
        end = start + size
        first = start // PAGE
        for page, who in enumerate(self.code_map[first : -(-end // PAGE)], first):
            if who & CODE:
                at = max(start, page * PAGE)
                with self.lock:
                    self.store_into_code(self.ram.base + at, min(end, (page + 1) * PAGE) - at)

    @abstractmethod
    def drop(self, physical: int, size: int, changed: bool = False) -> int:
        """Drop blocks with bytes in a range within a page of main RAM; how many there were.

        `changed`: only those that were made from other bytes than the page holds. A page in which none is left is no
        longer watched.
        """

    @abstractmethod
    def drop_elsewhere(self) -> None:
        """Drop the blocks that have bytes outside main RAM."""

    @abstractmethod
    def drop_all(self) -> None:
        """Drop all blocks."""

    def count(self) -> None:
        """Bring the statistics up to date."""

    def close(self) -> None:
        """At the end of the run."""


def _empty(env: Env, offset: int, entries: int) -> None:
    start = env.index + offset // WORD + LIMIT
    env.words[start : start + entries * ENTRY_WORDS : ENTRY_WORDS] = NO_LIMITS[:entries]
