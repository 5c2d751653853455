"""Flushing the TLB, its slots and the jump caches: all, an address space, a page."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import MODE_U, PAGE_MASK, PAGE_SHIFT
from pytcg.frontend.riscv.state import LAYOUT, RiscvEnv
from pytcg.frontend.riscv.tlb import (
    FETCHED_WORDS,
    LARGE_TLB,
    LARGE_WORDS,
    LOCAL_ENTRIES,
    TRANSLATED,
    empty_table,
    entry_in,
    fetched_word,
)
from pytcg.native import native
from pytcg.native.intrinsics import fill, ld64, st64
from pytcg.tcg.state import (
    EMPTY,
    ENTRY_BYTES,
    ENTRY_WORDS,
    FETCH,
    FIRST_ADDRESS,
    JUMP_CACHE_ENTRIES,
    LIMIT,
    NUM_MMU_MODES,
    NUM_SLOTS,
    READ,
    WORD,
    WRITE,
)

SLOTS, JUMP_CACHE, FETCHED = (LAYOUT.offset[name] for name in ("slots", "jump_cache", "fetched"))
SLOT_WORDS = 2 * NUM_SLOTS * ENTRY_WORDS
JUMP_CACHE_WORDS = JUMP_CACHE_ENTRIES * 2


@native
def flush_jump_cache(env: RiscvEnv, mode: int) -> None:
    """Empty the jump cache of an MMU mode."""
    fill(env.self + JUMP_CACHE + mode * (JUMP_CACHE_WORDS * 8), EMPTY, JUMP_CACHE_WORDS)


@native
def flush_modes(env: RiscvEnv, modes: int) -> None:
    """Empty slots, TLB and jump caches of the first `modes` modes, and forget superpages and fetched pages."""
    fill(env.self + SLOTS, 0, SLOT_WORDS * modes)
    table = 0
    while table < modes * 3:
        empty_table(env, table)
        table += 1
    fill(env.self + LARGE_TLB, 0, LARGE_WORDS * modes)
    fill(env.self + JUMP_CACHE, EMPTY, JUMP_CACHE_WORDS * modes)
    fill(env.self + FETCHED, 0, 4 * FETCHED_WORDS)
    env.local_modes = 0
    env.local_fetches = 0
    env.local_count = 0
    env.large_start[0] = EMPTY
    env.large_start[1] = EMPTY
    env.large_last[0] = 0
    env.large_last[1] = 0


@native
def flush_translations(env: RiscvEnv) -> None:
    """Drop every cached translation of U and S."""
    flush_modes(env, TRANSLATED)


@native
def flush_everything(env: RiscvEnv) -> None:
    """Drop all, those of M too."""
    flush_modes(env, NUM_MMU_MODES)


@native
def flush_address_space(env: RiscvEnv) -> None:
    """Drop the cached translations of U and S that are not of global pages. Costs what was cached, up to a limit."""
    count = env.local_count
    known = count <= LOCAL_ENTRIES
    while known and count:
        count -= 1
        st64(env.local_entries[count] + LIMIT * WORD, 0)
    mode = 0
    while mode < TRANSLATED:
        if env.local_modes >> mode & 1:
            fill(env.self + SLOTS + mode * (SLOT_WORDS * WORD), 0, SLOT_WORDS)
            if known == 0:
                empty_table(env, mode * 3 + READ)
                empty_table(env, mode * 3 + WRITE)
                empty_table(env, mode * 3 + FETCH)
                fill(env.self + LARGE_TLB + mode * (LARGE_WORDS * WORD), 0, LARGE_WORDS)
        mode += 1
    if env.local_fetches & 1 << MODE_U:
        fill(env.self + JUMP_CACHE, EMPTY, JUMP_CACHE_WORDS)
        fill(env.self + FETCHED, 0, 2 * FETCHED_WORDS)
    if env.local_fetches & ~(1 << MODE_U):
        flush_supervisor_jump_caches(env)
    env.local_modes = 0
    env.local_fetches = 0
    env.local_count = 0


@native
def flush_supervisor_jump_caches(env: RiscvEnv) -> None:
    """Empty the jump caches of S with and without SUM."""
    fill(env.self + JUMP_CACHE + JUMP_CACHE_WORDS * WORD, EMPTY, JUMP_CACHE_WORDS * (TRANSLATED - 1))


@native
def flush_reads(env: RiscvEnv) -> None:
    """Drop what allows loads in U and S."""
    fill(env.self + SLOTS, 0, SLOT_WORDS * TRANSLATED)
    fill(env.self + LARGE_TLB, 0, LARGE_WORDS * TRANSLATED)
    mode = 0
    while mode < TRANSLATED:
        empty_table(env, mode * 3 + READ)
        mode += 1


@native
def flush_page(env: RiscvEnv, address: int) -> None:
    """Drop the cached translations of U and S of the page, or superpage, at a virtual address."""
    half = address >> 63
    if address >= env.large_start[half] and address <= env.large_last[half]:
        flush_translations(env)
    else:
        table = 0
        while table < TRANSLATED * 3:
            entry = entry_in(env, address, table)
            if ld64(entry) == address & PAGE_MASK:
                st64(entry + LIMIT * WORD, 0)
            table += 1
        slot = env.self + SLOTS
        end = slot + SLOT_WORDS * WORD * TRANSLATED
        while slot != end:
            if (address & PAGE_MASK) - ld64(slot + FIRST_ADDRESS * WORD) < ld64(slot + LIMIT * WORD):
                st64(slot + LIMIT * WORD, 0)
            slot += ENTRY_BYTES
        bit = address >> PAGE_SHIFT & 63
        if env.fetched[fetched_word(address, 1)] >> bit & 1:
            fill(env.self + JUMP_CACHE, EMPTY, JUMP_CACHE_WORDS)
        if env.fetched[fetched_word(address, 0)] >> bit & 1:
            flush_supervisor_jump_caches(env)
