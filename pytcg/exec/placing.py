"""Native routines over the block table: find a block, place one, and kill what a store overwrites."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.exec.blocktable import (
    BLOCKS,
    CODE_ENTRY,
    CODE_LENGTH,
    CONTENTS_LIMIT,
    END,
    ENTRY,
    FLAGS,
    GUEST,
    GUEST_INSNS,
    GUEST_LENGTH,
    HOST,
    INSNS,
    KEY,
    KILLED,
    LENGTH,
    LIMIT,
    LOCK,
    LOG_CONTENTS,
    LOG_ENTRIES,
    LOG_ORIGINS,
    MASK,
    NEXT,
    NEXT_SECOND,
    PC,
    PHYSICAL,
    POSITION,
    PREFIX,
    TEMPLATE,
    TEMPLATES,
    USED,
)
from pytcg.native import native
from pytcg.native.intrinsics import cas64, ld8, ld64, st8, st64
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, FETCH, JUMP_CACHE_ENTRIES, TLB_ENTRIES, Env
from pytcg.tcg.types import MASK64

FLAGS_MASK = 0xFFF
PAGE_MASK = MASK64 & ~FLAGS_MASK
PAGE, PAGE_SHIFT = 4096, 12
MIX_PC = 0x9E3779B97F4A7C15
MIX_PHYSICAL = 0xC2B2AE3D27D4EB4F
HASH_SHIFT = 64 - LOG_ENTRIES
CONTENTS_SHIFT = 64 - LOG_CONTENTS
CONTENTS_MASK = (8 << LOG_CONTENTS) - 1
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
def padded(length: int) -> int:
    """A length in bytes, padded to whole words."""
    return length + 7 & MASK64 - 7


@native
def place(env: Env, template: int, pc: int, physical: int, flags: int, second: int) -> int:
    """Place a block, with the lock held: its host address, or 0 where code memory or the table is full."""
    control = env.code_control
    length = ld64(template + CODE_LENGTH)
    host = (ld64(control + POSITION) + ld64(template + CODE_ENTRY) + (ALIGNMENT - 1)) & (MASK64 - (ALIGNMENT - 1))
    target = host - ld64(template + CODE_ENTRY)
    if target + length + HEADER > ld64(control + END) or ld64(control + USED) >= LIMIT:
        return 0
    st64(control + POSITION, target + length)
    source = template + GUEST + padded(ld64(template + GUEST_LENGTH))
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
    return host


@native
def content_slot(key: int, prefix: int) -> int:
    """Byte offset in the index of contents at which to look for a template first."""
    return (key * MIX_PC + prefix * MIX_PHYSICAL >> CONTENTS_SHIFT) * 8


@native
def remember(env: Env, template: int) -> None:
    """Enter a template into the index of contents, with the lock held."""
    at = content_slot(ld64(template + KEY), ld64(template + PREFIX))
    while ld64(env.contents + at):
        at = at + 8 & CONTENTS_MASK
    st64(env.contents + at, template)
    count(env, TEMPLATES, 1)


@native
def helper_remember(env: Env) -> int:
    """Helper.REMEMBER: enter the templates that lie one behind the other from arg[0] up to arg[1]."""
    lock(env)
    template: int = env.arg[0]
    while template < env.arg[1] and ld64(env.code_control + TEMPLATES) < CONTENTS_LIMIT:
        remember(env, template)
        guest = padded(ld64(template + GUEST_LENGTH))
        template += GUEST + guest + padded(ld64(template + CODE_LENGTH))
    unlock(env)
    return Action.CONTINUE


@native
def helper_place(env: Env) -> int:
    """Helper.PLACE: `place` the template arg[0] for env.pc, physical address arg[1], second page arg[2]; env.ret."""
    lock(env)
    env.ret = place(env, env.arg[0], env.pc, env.arg[1], env.flags & FLAGS_MASK, env.arg[2])
    unlock(env)
    return Action.CONTINUE


@native
def same_bytes(one: int, other: int, length: int) -> int:
    """Whether `length` bytes at two host addresses are the same."""
    end = one + length
    while one + 8 <= end:
        if ld64(one) != ld64(other):
            return 0
        one += 8
        other += 8
    while one < end:
        if ld8(one) != ld8(other):
            return 0
        one += 1
        other += 1
    return 1


@native
def helper_invalidate(env: Env) -> int:
    """Helper.INVALIDATE: kill the blocks with bytes among the arg[1] ones at physical address arg[0], in one page of
    main RAM.

    env.ret is how many were killed, arg[3] the two bytes that replace the first two of a dead block. Where no block is
    left in the page, it is no longer watched.
    """
    lock(env)
    first: int = env.arg[0]
    last = first + env.arg[1] - 1
    page = first & PAGE_MASK
    number = first - env.ram_start >> PAGE_SHIFT
    head = env.page_heads + number * 8
    place_of_link = head
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
    if ld64(head) == 0:
        st8(env.code_map + number, 0)
    count(env, KILLED, killed)
    unlock(env)
    env.ret = killed
    return Action.CONTINUE


def make_lookup(tlb_miss: Callable[[Env], int]) -> Callable[[Env], int]:
    """The helper LOOKUP of a guest whose helper TLB_MISS is `tlb_miss`.

    CONTINUE: env.ret is the host address of the block for env.pc under env.flags. JUMP: fetching raised a guest
    exception. SLOW: it was not translated yet, or its page is not known to machine code, or Python must place it: see
    `place_known`.
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
        """Place a copy of a live block that has the same bytes and flags but another pc; its host address, or 0.

        As long as its origin is alive, stores to the page are watched.
        """
        host = 0
        lock(env)
        origin = ld64(origin_slot(env, physical, flags))
        if (
            origin
            and ld64(origin + PHYSICAL) == physical | 1
            and ld64(origin + FLAGS) == flags
            and ld64(origin + PC) != EMPTY
        ):
            host = place(env, ld64(origin + TEMPLATE), pc, physical, flags, 0)
        unlock(env)
        return host

    @native
    def place_known(env: Env, pc: int, physical: int, flags: int) -> int:
        """Place a template of the same bytes and flags, for a block in main RAM.

        CONTINUE: env.ret is its host address. SLOW: there is none (env.arg[3] is 0), or Python must place it, as its
        page is not watched yet or memory is full (env.arg[3] is the template, env.arg[2] the second page or 0).
        """
        offset = physical & FLAGS_MASK
        address = physical + env.ram_addend
        room = PAGE - offset
        prefix = ld64(address) if room >= 8 else ld64(address + room - 8) >> (8 - room) * 8
        key = flags << PAGE_SHIFT | offset
        at = content_slot(key, prefix)
        second = 0
        template = ld64(env.contents + at)
        while template:
            if ld64(template + KEY) == key and ld64(template + PREFIX) == prefix:
                length = ld64(template + GUEST_LENGTH)
                if length <= room:
                    if same_bytes(address, template + GUEST, length):
                        break
                else:
                    # The first instruction goes on in the next page: so it does here, as its first part is the same.
                    if second == 0:
                        next_page = (pc | FLAGS_MASK) + 1
                        action = fetch_page(env, next_page)
                        if action != Action.CONTINUE:
                            return action
                        second = next_page + env.ret
                        if second < env.ram_start or second >= env.ram_end:
                            template = 0
                            break
                    if same_bytes(second + env.ram_addend, template + GUEST + room, length - room):
                        break
            at = at + 8 & CONTENTS_MASK
            template = ld64(env.contents + at)
        env.arg[2] = second
        env.arg[3] = template
        env.ret = 0
        if template:
            lock(env)
            # With the lock held, a watched page stays so, and a store that comes in between is still to kill what is
            # placed here.
            if (
                ld8(env.code_map + (physical - env.ram_start >> PAGE_SHIFT))
                and (second == 0 or ld8(env.code_map + (second - env.ram_start >> PAGE_SHIFT)))
                and same_bytes(address, template + GUEST, ld64(template + GUEST_LENGTH) if second == 0 else room)
            ):
                env.ret = place(env, template, pc, physical, flags, second)
            unlock(env)
        return Action.CONTINUE if env.ret else Action.SLOW

    @native
    def lookup(env: Env) -> int:
        env.arg[3] = 0
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
            if (
                ld64(entry + PC) == pc
                and ld64(entry + PHYSICAL) == physical | 1
                and ld64(entry + FLAGS) & FLAGS_MASK == flags
            ):
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
            if physical < env.ram_start or physical >= env.ram_end:
                return Action.SLOW
            action = place_known(env, pc, physical, flags)
            if action != Action.CONTINUE:
                return action
            host = env.ret
        if env.jump_cache_flags[flags & 3] == flags:
            slot = ((flags & 3) * JUMP_CACHE_ENTRIES + (pc >> 1 & JUMP_CACHE_ENTRIES - 1)) * 2
            env.jump_cache[slot + 1] = host
            env.jump_cache[slot] = pc
        env.ret = host
        return Action.CONTINUE

    return lookup
