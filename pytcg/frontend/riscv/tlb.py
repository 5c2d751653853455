"""Filling and flushing the TLB, its slots and the jump caches.

Entries carry no ASID: a change of satp flushes the modes that translate. An entry is found by the page that was
accessed but may serve all of a superpage; the range of addresses in cached superpages is kept for each half of the
address space, so that a flush by address flushes all if it falls inside. A jump cache may hold only pages whose bit in
`env.fetched` is set: flushing a page of data leaves the jump caches alone.
"""

from __future__ import annotations

from pytcg.frontend.riscv.bits import MODE_M, PAGE_MASK, PAGE_SHIFT, SATP_MODE_SHIFT
from pytcg.frontend.riscv.state import LAYOUT, RiscvEnv
from pytcg.native import native
from pytcg.native.intrinsics import fill, ld64, st64
from pytcg.tcg.state import (
    ADDEND,
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
    TLB_ENTRIES,
    WORD,
)

SLOTS, TLB, JUMP_CACHE = (LAYOUT.offset[name] for name in ("slots", "tlb", "jump_cache"))
FETCHED = LAYOUT.offset["fetched"]
#: modes whose addresses are translated; those before M
TRANSLATED = MODE_M
SLOT_WORDS = 2 * NUM_SLOTS * ENTRY_WORDS
TLB_WORDS = 3 * TLB_ENTRIES * ENTRY_WORDS
TLB_BYTES = TLB_ENTRIES * ENTRY_BYTES
JUMP_CACHE_WORDS = JUMP_CACHE_ENTRIES * 2
FETCHED_WORDS = LAYOUT.fields["fetched"].count


@native
def flush_jump_cache(env: RiscvEnv, mode: int) -> None:
    """Empty the jump cache of an MMU mode."""
    fill(env.self + JUMP_CACHE + mode * (JUMP_CACHE_WORDS * 8), EMPTY, JUMP_CACHE_WORDS)


@native
def flush_modes(env: RiscvEnv, modes: int) -> None:
    """Empty slots, TLB and jump caches of the first `modes` modes, and forget superpages and fetched pages."""
    fill(env.self + SLOTS, 0, SLOT_WORDS * modes)
    fill(env.self + TLB, 0, TLB_WORDS * modes)
    fill(env.self + JUMP_CACHE, EMPTY, JUMP_CACHE_WORDS * modes)
    fill(env.self + FETCHED, 0, FETCHED_WORDS)
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
def flush_reads(env: RiscvEnv) -> None:
    """Drop what allows loads in U and S."""
    fill(env.self + SLOTS, 0, SLOT_WORDS * TRANSLATED)
    mode = 0
    while mode < TRANSLATED:
        fill(env.self + TLB + (mode * 3 + READ) * TLB_BYTES, 0, TLB_ENTRIES * ENTRY_WORDS)
        mode += 1


@native
def flush_page(env: RiscvEnv, address: int) -> None:
    """Drop the cached translations of U and S of the page, or superpage, at a virtual address."""
    half = address >> 63
    if address >= env.large_start[half] and address <= env.large_last[half]:
        flush_translations(env)
    else:
        number = address >> PAGE_SHIFT
        entry = env.self + TLB + (number & TLB_ENTRIES - 1) * ENTRY_BYTES
        end = entry + TRANSLATED * 3 * TLB_BYTES
        while entry != end:
            if ld64(entry) == address & PAGE_MASK:
                st64(entry + LIMIT * WORD, 0)
            entry += TLB_BYTES
        fill(env.self + SLOTS, 0, SLOT_WORDS * TRANSLATED)
        if env.fetched[number >> 6 & FETCHED_WORDS - 1] >> (number & 63) & 1:
            fill(env.self + JUMP_CACHE, EMPTY, JUMP_CACHE_WORDS * TRANSLATED)


@native
def note_fetch(env: RiscvEnv, address: int) -> None:
    """The jump caches may from now on hold the page at a virtual address."""
    number = address >> PAGE_SHIFT
    env.fetched[number >> 6 & FETCHED_WORDS - 1] |= 1 << (number & 63)


@native
def entry_of(env: RiscvEnv, address: int, access: int, mode: int) -> int:
    """Host address of the TLB entry for the page at `address`."""
    return int(
        env.self + TLB + (mode * 3 + access) * TLB_BYTES + (address >> PAGE_SHIFT & TLB_ENTRIES - 1) * ENTRY_BYTES
    )


@native
def forget_entry(env: RiscvEnv, address: int, access: int, mode: int) -> None:
    """Drop the entry that serves the page at `address`."""
    st64(entry_of(env, address, access, mode) + LIMIT * WORD, 0)


@native
def fill_entry(env: RiscvEnv, address: int, access: int, mode: int, addend: int) -> None:
    """Cache the translation that the walk has just found for `address`, as far as it reaches around it."""
    entry = entry_of(env, address, access, mode)
    length = env.reach_end - env.reach_first
    st64(entry + FIRST_ADDRESS * WORD, address - (env.walk_pa - env.reach_first))
    st64(entry + ADDEND * WORD, addend)
    st64(entry + LIMIT * WORD, length if access == FETCH else length - (WORD - 1))
    if access == FETCH:
        note_fetch(env, address)
    size = env.walk_size
    if size > 1 << PAGE_SHIFT and mode < TRANSLATED and env.satp >> SATP_MODE_SHIFT:
        half = address >> 63
        first = address & 0 - size
        if first < env.large_start[half]:
            env.large_start[half] = first
        if first + size - 1 > env.large_last[half]:
            env.large_last[half] = first + size - 1
