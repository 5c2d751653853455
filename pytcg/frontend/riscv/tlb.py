"""Cached translations: TLB entries, found and filled, and what is noted for flushes (`flush.py`).

All entries are of the ASID in satp or of global pages. Those that are not global are noted, so that a change of the
ASID drops just these. An entry is found by the page that was accessed but may serve all of a superpage: then it is also
put into the TLB of superpages, where other pages of it find it. The range of addresses in cached superpages is kept for
each half of the address space, so that a flush by address flushes all if it falls inside. A jump cache may hold only
pages whose bit in `env.fetched` is set: flushing a page of data leaves the jump caches alone.
"""

from __future__ import annotations

from pytcg.frontend.riscv.bits import MODE_M, MODE_U, PAGE, PAGE_SHIFT, SATP_MODE_SHIFT
from pytcg.frontend.riscv.state import LAYOUT, RiscvEnv
from pytcg.native import native
from pytcg.native.intrinsics import fill, ld64, st64
from pytcg.tcg.state import (
    ADDEND,
    ENTRY_BYTES,
    ENTRY_WORDS,
    FETCH,
    FIRST_ADDRESS,
    LARGE_ENTRIES,
    LEAST_TLB_ENTRIES,
    LIMIT,
    TLB_ENTRIES,
    TLB_SHIFT,
    TLB_STRIDE,
    WORD,
)

TLB, LARGE_TLB = LAYOUT.offset["tlb"], LAYOUT.offset["large_tlb"]
#: word of a TLB entry: not zero where its pages are global
IS_GLOBAL = 3
#: log2 of what an entry of the TLB of superpages is found by
LARGE_SHIFT = 21
#: modes whose addresses are translated; those before M
TRANSLATED = MODE_M
LEAST_MASK, MOST_MASK = (LEAST_TLB_ENTRIES - 1) * ENTRY_BYTES, (TLB_ENTRIES - 1) * ENTRY_BYTES
LARGE_WORDS = 2 * LARGE_ENTRIES * ENTRY_WORDS
TLB_BYTES = TLB_STRIDE * ENTRY_BYTES
#: log2 of the bytes of a word
WORD_SHIFT = 3
#: fills for each entry upon which a table of the TLB doubles
GROWTH = 4
FETCHED_WORDS = LAYOUT.fields["fetched"].count // 4
LOCAL_ENTRIES = LAYOUT.fields["local_entries"].count


@native
def entry_in(env: RiscvEnv, address: int, table: int) -> int:
    """Host address of the entry for the page at `address` in a table of the TLB."""
    return int(env.self + TLB + table * TLB_BYTES + (address >> TLB_SHIFT & env.tlb_masks[table]))


@native
def empty_table(env: RiscvEnv, table: int) -> None:
    """Empty a table of the TLB; if it has been filled little, it has half as many entries from then on."""
    fills = env.tlb_fills[table]
    mask = env.tlb_masks[table]
    if fills:
        fill(env.self + TLB + table * TLB_BYTES, 0, mask + ENTRY_BYTES >> WORD_SHIFT)
        env.tlb_fills[table] = 0
    if mask > LEAST_MASK and fills * 4 * ENTRY_BYTES < mask:
        env.tlb_masks[table] = mask >> 1 & ~(ENTRY_BYTES - 1)


@native
def count_fill(env: RiscvEnv, table: int) -> None:
    """Count that an entry is to be filled; a table that misses often for its size doubles. What is beyond is empty.

    Entries that are found elsewhere from then on are of no harm: a table is emptied before it shrinks.
    """
    fills = env.tlb_fills[table] + 1
    mask = env.tlb_masks[table]
    if fills * ENTRY_BYTES > mask * GROWTH and mask != MOST_MASK:
        env.tlb_masks[table] = mask << 1 | ENTRY_BYTES
        fills = 1
    env.tlb_fills[table] = fills


@native
def fetched_word(address: int, user: int) -> int:
    """Word of env.fetched for the page at `address`: a map each for fetches in U and for others, by half of addresses.

    So a page of the user's data is not taken for one of the kernel's code with the same bit.
    """
    first = (address >> 63) * FETCHED_WORDS if user else (2 + (address >> 63)) * FETCHED_WORDS
    return first + (address >> PAGE_SHIFT + 6 & FETCHED_WORDS - 1)


@native
def note_fetch(env: RiscvEnv, address: int, mode: int) -> None:
    """The jump caches may from now on hold the page at a virtual address, which has just been walked to."""
    env.fetched[fetched_word(address, mode == MODE_U)] |= 1 << (address >> PAGE_SHIFT & 63)
    if env.walk_global == 0:
        env.local_fetches |= 1 << mode


@native
def entry_of(env: RiscvEnv, address: int, access: int, mode: int) -> int:
    """Host address of the TLB entry for the page at `address`."""
    return entry_in(env, address, mode * 3 + access)


@native
def forget_entry(env: RiscvEnv, address: int, access: int, mode: int) -> None:
    """Drop the entry that serves the page at `address`."""
    st64(entry_of(env, address, access, mode) + LIMIT * WORD, 0)


@native
def large_entry_of(env: RiscvEnv, address: int, access: int, mode: int) -> int:
    """Host address of the entry of the TLB of superpages for `address`."""
    number = (mode * 2 + access) * LARGE_ENTRIES + (address >> LARGE_SHIFT & LARGE_ENTRIES - 1)
    return int(env.self + LARGE_TLB + number * ENTRY_BYTES)


@native
def forget_large(env: RiscvEnv, address: int, access: int, mode: int) -> None:
    """Drop the entry of the TLB of superpages that serves `address`."""
    st64(large_entry_of(env, address, access, mode) + LIMIT * WORD, 0)


@native
def write_entry(env: RiscvEnv, entry: int, first: int, limit: int, addend: int, is_global: int) -> None:
    """Fill an entry of either TLB. One that is not global is noted: word IS_GLOBAL says so to the TLB of superpages."""
    st64(entry + FIRST_ADDRESS * WORD, first)
    st64(entry + ADDEND * WORD, addend)
    st64(entry + IS_GLOBAL * WORD, is_global)
    st64(entry + LIMIT * WORD, limit)
    if is_global == 0:
        if env.local_count < LOCAL_ENTRIES:
            env.local_entries[env.local_count] = entry
        env.local_count += 1


@native
def fill_entry(env: RiscvEnv, address: int, access: int, mode: int, addend: int) -> None:
    """Cache the translation that the walk has just found for `address`, as far as it reaches around it."""
    length = env.reach_end - env.reach_first
    first = address - (env.walk_pa - env.reach_first)
    is_global = env.walk_global
    limit = length if access == FETCH else length - (WORD - 1)
    count_fill(env, mode * 3 + access)
    write_entry(env, entry_of(env, address, access, mode), first, limit, addend, is_global)
    if access == FETCH:
        note_fetch(env, address, mode)
    elif length > PAGE:
        write_entry(env, large_entry_of(env, address, access, mode), first, limit, addend, is_global)
    if is_global == 0:
        env.local_modes |= 1 << mode
    size = env.walk_size
    if size > PAGE and mode < TRANSLATED and env.satp >> SATP_MODE_SHIFT:
        half = address >> 63
        first = address & 0 - size
        if first < env.large_start[half]:
            env.large_start[half] = first
        if first + size - 1 > env.large_last[half]:
            env.large_last[half] = first + size - 1


@native
def refill(env: RiscvEnv, address: int, access: int, mode: int) -> int:
    """Fill the TLB entry for a load or store from the TLB of superpages; whether that had it."""
    large = large_entry_of(env, address, access, mode)
    first = ld64(large + FIRST_ADDRESS * WORD)
    limit = ld64(large + LIMIT * WORD)
    if address - first >= limit:
        return 0
    is_global = ld64(large + IS_GLOBAL * WORD)
    count_fill(env, mode * 3 + access)
    write_entry(env, entry_of(env, address, access, mode), first, limit, ld64(large + ADDEND * WORD), is_global)
    if ld64(large + LIMIT * WORD) == 0:
        # Another vCPU places code there; it may have emptied the TLB before the entry was in it.
        forget_entry(env, address, access, mode)
        return 0
    return 1
