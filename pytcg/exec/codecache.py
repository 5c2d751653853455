"""Placed blocks: host code at an address, found by guest address, and dropped when guest code changes."""

from __future__ import annotations

import ctypes
from threading import RLock
from time import perf_counter_ns
from typing import Generic

from pytcg.exec.blocktable import BlockTable
from pytcg.exec.host import Code, Host
from pytcg.exec.stats import Stats
from pytcg.exec.translate import TranslatedBlock
from pytcg.softmmu.regions import Ram
from pytcg.tcg.state import EMPTY, NUM_MMU_MODES, NUM_SLOTS, TLB_ENTRIES, WORD, WRITE, Env

PAGE = 4096
#: stores into one page that hit no block, after which all its blocks go: the page has become data
PATIENCE = 4


class CodeCache(Generic[Code]):
    """Placed blocks of a machine, and which pages of main RAM they come from. Methods are called under `lock`."""

    def __init__(self, host: Host[Code], ram: Ram, stats: Stats) -> None:
        self.host = host
        self.stats = stats
        self.ram = ram
        self.lock = RLock()
        self.table = BlockTable()
        self.envs: list[Env] = []
        self.code_map = bytearray(ram.size // PAGE)
        self.code_map_address = ctypes.addressof(ctypes.c_char.from_buffer(self.code_map))
        #: page number in main RAM -> blocks with bytes in it: table index << 24 | first offset << 12 | last offset
        self.pages: dict[int, list[int]] = {}
        self.misses: dict[int, int] = {}
        self.generation = 0

    def attach(self, env: Env) -> None:
        """Take a vCPU in."""
        self.envs.append(env)
        self.table.attach(env)
        env.words[env.index + env.layout.offset["code_map"] // WORD] = self.code_map_address

    def empty_caches(self, env: Env) -> None:
        """Empty the slots, the TLB and the jump caches of a vCPU, which must not run."""
        start = env.layout.offset["slots"]
        _fill(env, start, (env.layout.end_of_caches - start) // WORD)

    def place(self, block: TranslatedBlock[Code], pc: int, physical: int, flags: int, second_page: int) -> int:
        """Place a block whose first byte lies at guest address `pc` and `physical`; the host address of its entry.

        `second_page`: physical address of the page in which its last instruction ends, or 0.
        """
        start = perf_counter_ns()
        host = self.host.place(block.code, pc)
        index = self.table.add(pc, physical, flags, second_page, host)
        first = physical & (PAGE - 1)
        end = first + len(block.guest)
        self.note_code(physical, index << 24 | first << 12 | min(end, PAGE) - 1)
        if second_page:
            self.note_code(second_page, index << 24 | end - PAGE - 1)
        stats = self.stats
        stats.blocks += 1
        stats.translated_insns += block.insns
        stats.stage["link"] += perf_counter_ns() - start
        return host

    def has_room(self, block: TranslatedBlock[Code]) -> bool:
        """Whether a block can be placed before the next flush."""
        return self.table.used < self.table.limit and self.host.has_room(block.code)

    def note_code(self, physical: int, record: int) -> None:
        """Record a block in a page, from now on watched for stores if it lies in main RAM."""
        page = (physical - self.ram.base) >> 12
        blocks = self.pages.get(page)
        if blocks is not None:
            blocks.append(record)
            return
        self.pages[page] = [record]
        if 0 <= page < len(self.code_map):
            self.code_map[page] = 1
            for env in self.envs:
                forget_writes(env)

    def flush(self) -> None:
        """Drop all placed blocks. Other vCPUs must not be in machine code when there are any."""
        self.generation += 1
        self.stats.flushes += 1
        for page in self.pages:
            if 0 <= page < len(self.code_map):
                self.code_map[page] = 0
        self.pages.clear()
        self.misses.clear()
        self.table.clear()
        self.host.reset()
        for env in self.envs:
            forget_blocks(env)

    def store_into_code(self, physical: int, size: int, everything: bool = False) -> None:
        """Drop the blocks that `size` bytes stored at guest physical address `physical` overlap, within one page.

        `everything`: drop all blocks of the page.
        """
        page = (physical - self.ram.base) >> 12
        blocks = self.pages.get(page)
        if blocks is None:
            return
        first = physical & (PAGE - 1)
        last = first + size - 1
        kept = [r for r in blocks if (r >> 12 & 0xFFF) > last or (r & 0xFFF) < first]
        if everything:
            kept = []
        elif len(kept) == len(blocks):
            misses = self.misses.get(page, 0) + 1
            self.misses[page] = misses
            if misses >= PATIENCE:
                kept = []
        if len(kept) < len(blocks):
            gone = set(blocks).difference(kept)
            for record in gone:
                self.host.kill(self.table.host_of(record >> 24))
                self.table.kill(record >> 24)
            self.stats.invalidated += len(gone)
        if kept:
            self.pages[page] = kept
        else:
            del self.pages[page]
            self.misses.pop(page, None)
            self.code_map[page] = 0


def _fill(env: Env, offset: int, words: int) -> None:
    start = env.index + offset // WORD
    env.words[start : start + words] = memoryview(EMPTY.to_bytes(8, "little") * words).cast("Q")


def forget_writes(env: Env) -> None:
    """Empty the WRITE TLB and slots of a vCPU, so that stores meet the page's new state."""
    layout = env.layout
    for mode in range(NUM_MMU_MODES):
        _fill(env, layout.tlb(mode, WRITE), TLB_ENTRIES * 2)
        _fill(env, layout.slot(mode, WRITE, 0), NUM_SLOTS * 2)


def forget_blocks(env: Env) -> None:
    """Empty the jump caches of a vCPU."""
    _fill(env, env.layout.offset["jump_cache"], env.layout.fields["jump_cache"].count)
