"""The native routine that finds the block for a guest pc, places what is known already, and fills the jump cache."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.exec.blocks.placing import (
    FLAGS_MASK,
    PAGE,
    PAGE_MASK,
    PAGE_SHIFT,
    block_slot,
    content_slot,
    lock,
    origin_slot,
    place,
    same_bytes,
    unlock,
)
from pytcg.exec.blocks.stitch import make_stitch
from pytcg.exec.blocks.table import BLOCKS_MASK, CONTENTS_MASK, FLAGS, HOST, PC, PHYSICAL, TEMPLATE
from pytcg.exec.blocks.templates import GUEST, GUEST_LENGTH, KEY, PREFIX
from pytcg.frontend.units import Units
from pytcg.native import native
from pytcg.native.intrinsics import ld8, ld64
from pytcg.softmmu.regions import CODE
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import ADDEND, EMPTY, ENTRY_WORDS, FETCH, JUMP_CACHE_ENTRIES, LIMIT, TLB_SHIFT, TLB_STRIDE, Env

#: in the place of a host address: the physical address of the page that follows must be known first
NEXT_PAGE = 1


def make_lookup(tlb_miss: Callable[[Env], int], units: Units) -> Callable[[Env], int]:
    """The helper LOOKUP of a guest whose helper TLB_MISS is `tlb_miss`.

    CONTINUE: env.ret is the host address of the block for env.pc under env.flags. JUMP: fetching raised a guest
    exception. SLOW: it was not translated yet, or its page is not known to machine code, or Python must place it: see
    `place_known`.
    """

    stitch = make_stitch(units)

    @native
    def fetch_page(env: Env, pc: int) -> int:
        mode = env.flags >> 2 & 3
        table = mode * 3 + FETCH
        index = table * (TLB_STRIDE * ENTRY_WORDS) + ((pc >> TLB_SHIFT & env.tlb_masks[table]) >> 3)
        action: int = Action.CONTINUE
        if pc - env.tlb[index] >= env.tlb[index + LIMIT]:
            env.insn_pc = env.pc
            env.arg[0] = pc
            env.arg[1] = FETCH
            env.arg[2] = mode
            action = tlb_miss(env)
            index = table * (TLB_STRIDE * ENTRY_WORDS) + ((pc >> TLB_SHIFT & env.tlb_masks[table]) >> 3)
        env.ret = env.tlb[index + ADDEND]
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
    def find_placed(env: Env, pc: int, physical: int, flags: int, second: int) -> int:
        """The placed block: its host address, 0 if there is none, NEXT_PAGE where that depends on an unknown `second`.

        `second`: physical address of the page that follows, 0 while it is unknown.
        """
        at = block_slot(env, pc, physical)
        while True:
            entry = ld64(env.block_index + at)
            if entry == 0:
                return 0
            if (
                ld64(entry + PC) == pc
                and ld64(entry + PHYSICAL) == physical | 1
                and ld64(entry + FLAGS) & FLAGS_MASK == flags
            ):
                other = ld64(entry + FLAGS) & PAGE_MASK
                if other == 0 or other == second:
                    return ld64(entry + HOST)
                if second == 0:
                    return NEXT_PAGE
            at = at + 8 & ld64(env.code_control + BLOCKS_MASK)
        return 0

    @native
    def place_known(env: Env, pc: int, physical: int, flags: int, second: int) -> int:
        """Place a template of the same bytes and flags, for a block in main RAM: its host address, or NEXT_PAGE as
        `find_placed`. It is made now if the host code of all its instructions is known.

        0: there is none (env.arg[3] is 0), or Python must place it, as its page is not watched yet or memory is full
        (env.arg[3] is the template, env.arg[2] the second page or 0).
        """
        offset = physical & FLAGS_MASK
        address = physical + env.ram_addend
        room = PAGE - offset
        prefix = ld64(address) if room >= 8 else ld64(address + room - 8) >> (8 - room) * 8
        key = flags << PAGE_SHIFT | offset
        at = content_slot(env, key, prefix)
        page = 0
        template = ld64(env.contents + at)
        while template:
            if ld64(template + KEY) == key and ld64(template + PREFIX) == prefix:
                length = ld64(template + GUEST_LENGTH)
                if length <= room:
                    if same_bytes(address, template + GUEST, length):
                        break
                else:
                    # The first instruction goes on in the next page: so it does here, as its first part is the same.
                    page = second
                    if page == 0:
                        return NEXT_PAGE
                    if page < env.ram_start or page >= env.ram_end:
                        template = 0
                        break
                    if same_bytes(page + env.ram_addend, template + GUEST + room, length - room):
                        break
            at = at + 8 & ld64(env.code_control + CONTENTS_MASK)
            template = ld64(env.contents + at)
        if template == 0:
            page = 0
            template = stitch(env, address, flags, offset)
        env.arg[2] = page
        env.arg[3] = template
        host = 0
        if template:
            lock(env)
            # With the lock held, a watched page stays so, and a store that comes in between is still to kill what is
            # placed here.
            if (
                ld8(env.code_map + (physical - env.ram_start >> PAGE_SHIFT)) & CODE
                and (page == 0 or ld8(env.code_map + (page - env.ram_start >> PAGE_SHIFT)) & CODE)
                and same_bytes(address, template + GUEST, ld64(template + GUEST_LENGTH) if page == 0 else room)
            ):
                host = place(env, template, pc, physical, flags, page)
            unlock(env)
        return host

    @native
    def lookup(env: Env) -> int:
        env.arg[3] = 0
        pc = env.pc
        flags = env.flags & FLAGS_MASK
        physical = 0
        second = 0
        host = 0
        wanted = pc
        while True:
            action = fetch_page(env, wanted)
            if action != Action.CONTINUE:
                return action
            if wanted == pc:
                physical = pc + env.ret
            else:
                second = wanted + env.ret
            host = find_placed(env, pc, physical, flags, second)
            if host == 0:
                host = place_again(env, pc, physical, flags)
                if host == 0:
                    if physical < env.ram_start or physical >= env.ram_end:
                        return Action.SLOW
                    host = place_known(env, pc, physical, flags, second)
                    if host == 0:
                        return Action.SLOW
            if host != NEXT_PAGE:
                break
            wanted = (pc | FLAGS_MASK) + 1
        if env.jump_cache_flags[flags & 3] == flags:
            slot = ((flags & 3) * JUMP_CACHE_ENTRIES + (pc >> 1 & JUMP_CACHE_ENTRIES - 1)) * 2
            env.jump_cache[slot + 1] = host
            env.jump_cache[slot] = pc
        env.ret = host
        return Action.CONTINUE

    return lookup
