"""Native routines over the block table: find a block, place one, and kill what a store overwrites."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.exec.blocktable import (
    BLOCKS,
    CODE,
    CODE_ENTRY,
    CODE_LENGTH,
    END,
    ENTRY,
    FLAGS,
    GUEST_INSNS,
    GUEST_LENGTH,
    HOST,
    INSNS,
    KILLED,
    LENGTH,
    LIMIT,
    LOCK,
    LOG_ENTRIES,
    LOG_ORIGINS,
    MASK,
    NEXT,
    NEXT_SECOND,
    PC,
    PHYSICAL,
    POSITION,
    TEMPLATE,
    USED,
)
from pytcg.native import native
from pytcg.native.intrinsics import cas64, ld64, st64
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, FETCH, JUMP_CACHE_ENTRIES, TLB_ENTRIES, Env
from pytcg.tcg.types import MASK64

FLAGS_MASK = 0xFFF
PAGE_MASK = MASK64 & ~FLAGS_MASK
PAGE, PAGE_SHIFT = 4096, 12
MIX_PC = 0x9E3779B97F4A7C15
MIX_PHYSICAL = 0xC2B2AE3D27D4EB4F
HASH_SHIFT = 64 - LOG_ENTRIES
ORIGIN_SHIFT = 64 - LOG_ORIGINS
HEADER = 8
ALIGNMENT = 16


@native
def hash_of(pc: int, physical: int) -> int:
    """Byte offset in the table at which to look for a block first."""
    return (pc * MIX_PC + physical * MIX_PHYSICAL >> HASH_SHIFT) * ENTRY


@native
def origin_slot(env: Env, physical: int, flags: int) -> int:
    """Host address of the origin word of a block."""
    return int(env.origins + ((physical ^ flags << 56) * MIX_PHYSICAL >> ORIGIN_SHIFT) * 8)


@native
def lock(env: Env) -> None:
    """Keep other vCPUs from changing the table."""
    while cas64(env.code_control + LOCK, 0, 1) != 0:
        pass


@native
def unlock(env: Env) -> None:
    """Let them go on."""
    st64(env.code_control + LOCK, 0)


@native
def count(env: Env, offset: int, number: int) -> None:
    """Add to a control word."""
    st64(env.code_control + offset, ld64(env.code_control + offset) + number)


@native
def enlist(env: Env, physical: int, entry: int, link: int) -> None:
    """Put an entry into the list of the page of a physical address, if that lies in main RAM."""
    if physical >= env.ram_start and physical < env.ram_end:
        head = env.page_heads + (physical - env.ram_start >> PAGE_SHIFT) * 8
        st64(entry + link, ld64(head))
        st64(head, entry)


@native
def place(env: Env, template: int, pc: int, physical: int, flags: int, second: int, origin: int) -> int:
    """Place a block: its host address, or 0 where code memory or the table is full.

    `origin`: an entry of the same bytes that must still be alive, or 0. As long as it is, stores to its page are watched.
    """
    lock(env)
    control = env.code_control
    length = ld64(template + CODE_LENGTH)
    host = (ld64(control + POSITION) + ld64(template + CODE_ENTRY) + (ALIGNMENT - 1)) & (MASK64 - (ALIGNMENT - 1))
    target = host - ld64(template + CODE_ENTRY)
    if target + length + HEADER > ld64(control + END) or ld64(control + USED) >= LIMIT:
        host = 0
    elif origin and ld64(origin + PC) == EMPTY:
        host = 0
    else:
        st64(control + POSITION, target + length)
        source = template + CODE
        target += env.code_alias
        end = source + length
        while source < end:
            st64(target, ld64(source))
            source += 8
            target += 8
        st64(host - HEADER + env.code_alias, pc)
        entry = env.block_table + hash_of(pc, physical)
        while ld64(entry + HOST) != 0:
            entry = env.block_table + (entry - env.block_table + ENTRY & MASK)
        st64(entry + PHYSICAL, physical | 1)
        st64(entry + FLAGS, flags | second)
        st64(entry + TEMPLATE, template)
        st64(entry + LENGTH, ld64(template + GUEST_LENGTH))
        st64(entry + PC, pc)
        st64(entry + HOST, host)
        enlist(env, physical, entry, NEXT)
        if second:
            enlist(env, second, entry, NEXT_SECOND)
        else:
            st64(origin_slot(env, physical, flags), entry)
        count(env, USED, 1)
        count(env, BLOCKS, 1)
        count(env, INSNS, ld64(template + GUEST_INSNS))
    unlock(env)
    return host


@native
def helper_place(env: Env) -> int:
    """Helper.PLACE: place the template arg[0] for env.pc, physical address arg[1] and second page arg[2]; env.ret as `place`."""
    env.ret = place(env, env.arg[0], env.pc, env.arg[1], env.flags & FLAGS_MASK, env.arg[2], 0)
    return Action.CONTINUE


@native
def helper_invalidate(env: Env) -> int:
    """Helper.INVALIDATE: kill the blocks with bytes among the arg[1] ones at physical address arg[0], in one page of main RAM.

    env.ret is how many were killed, arg[3] the two bytes that replace the first two of a dead block. Where no block is left in
    the page, its head is 0 afterwards.
    """
    lock(env)
    first: int = env.arg[0]
    last = first + env.arg[1] - 1
    page = first & PAGE_MASK
    place_of_link = env.page_heads + (first - env.ram_start >> PAGE_SHIFT) * 8
    killed = 0
    entry = ld64(place_of_link)
    while entry:
        start = ld64(entry + PHYSICAL) - 1
        link = NEXT
        size = ld64(entry + LENGTH)
        if start & PAGE_MASK != page:
            # The page is the block's second one.
            link = NEXT_SECOND
            size = size + (start & FLAGS_MASK) - PAGE
            start = page
        if (start <= last and start + size > first) or ld64(entry + PC) == EMPTY:
            if ld64(entry + PC) != EMPTY:
                st64(entry + PC, EMPTY)
                word = ld64(entry + HOST) + env.code_alias
                st64(word, ld64(word) >> 16 << 16 | env.arg[3])
                killed += 1
            st64(place_of_link, ld64(entry + link))
        else:
            place_of_link = entry + link
        entry = ld64(place_of_link)
    count(env, KILLED, killed)
    unlock(env)
    env.ret = killed
    return Action.CONTINUE


def make_lookup(tlb_miss: Callable[[Env], int]) -> Callable[[Env], int]:
    """The helper LOOKUP of a guest whose helper TLB_MISS is `tlb_miss`.

    CONTINUE: env.ret is the host address of the block for env.pc under env.flags. JUMP: fetching raised a guest exception.
    SLOW: it was not translated yet, or its page is not known to machine code, or there is no room for it.
    """

    @native
    def fetch_page(env: Env, pc: int) -> int:
        mode = env.flags >> 2 & 3
        index = ((mode * 3 + FETCH) * TLB_ENTRIES + (pc >> PAGE_SHIFT & TLB_ENTRIES - 1)) * 2
        action: int = Action.CONTINUE
        if env.tlb[index] != pc & PAGE_MASK:
            env.insn_pc = env.pc
            env.arg[0] = pc
            env.arg[1] = FETCH
            env.arg[2] = mode
            action = tlb_miss(env)
        env.ret = env.tlb[index + 1]
        return action

    @native
    def place_again(env: Env, pc: int, physical: int, flags: int) -> int:
        """Place a copy of a live block that has the same bytes and flags but another pc; its host address, or 0."""
        origin = ld64(origin_slot(env, physical, flags))
        if origin == 0:
            return 0
        if ld64(origin + PHYSICAL) != physical | 1 or ld64(origin + FLAGS) != flags:
            return 0
        return place(env, ld64(origin + TEMPLATE), pc, physical, flags, 0, origin)

    @native
    def lookup(env: Env) -> int:
        pc = env.pc
        flags = env.flags & FLAGS_MASK
        action = fetch_page(env, pc)
        if action != Action.CONTINUE:
            return action
        physical = pc + env.ret
        at = hash_of(pc, physical)
        host = 0
        while True:
            entry = env.block_table + at
            host = ld64(entry + HOST)
            if host == 0:
                host = place_again(env, pc, physical, flags)
                break
            if ld64(entry + PC) == pc and ld64(entry + PHYSICAL) == physical | 1 and ld64(entry + FLAGS) & FLAGS_MASK == flags:
                second = ld64(entry + FLAGS) & PAGE_MASK
                if second == 0:
                    break
                next_page = (pc | FLAGS_MASK) + 1
                action = fetch_page(env, next_page)
                if action != Action.CONTINUE:
                    return action
                if next_page + env.ret == second:
                    break
            at = at + ENTRY & MASK
        if host == 0:
            return Action.SLOW
        if env.jump_cache_flags[flags & 3] == flags:
            slot = ((flags & 3) * JUMP_CACHE_ENTRIES + (pc >> 1 & JUMP_CACHE_ENTRIES - 1)) * 2
            env.jump_cache[slot + 1] = host
            env.jump_cache[slot] = pc
        env.ret = host
        return Action.CONTINUE

    return lookup
