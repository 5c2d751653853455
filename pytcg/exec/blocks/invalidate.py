"""The native routines that kill the blocks which a store overwrites, or which are no longer what memory holds."""

from __future__ import annotations

from pytcg.exec.blocks.placing import FLAGS_MASK, PAGE, PAGE_MASK, PAGE_SHIFT, count, lock, same_bytes, unlock
from pytcg.exec.blocks.table import (
    ENTRY,
    FLAGS,
    HOST,
    KILLED,
    LENGTH,
    NEXT,
    NEXT_ENTRY,
    NEXT_SECOND,
    PC,
    PHYSICAL,
    TEMPLATE,
)
from pytcg.exec.blocks.templates import GUEST
from pytcg.native import native
from pytcg.native.intrinsics import ld8, ld64, st8, st64
from pytcg.softmmu.regions import CODE
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, Env


@native
def kill(env: Env, entry: int) -> int:
    """Make a block a dead one; how many that are, 0 where it was dead. env.arg[3]: what its code then begins with."""
    if ld64(entry + PC) == EMPTY:
        return 0
    st64(entry + PC, EMPTY)
    word = ld64(entry + HOST) + env.code_alias
    st64(word, ld64(word) >> 16 << 16 | env.arg[3])
    return 1


@native
def helper_invalidate(env: Env) -> int:
    """Helper.INVALIDATE: kill the blocks with bytes among the arg[1] ones at physical address arg[0], in one page of
    main RAM.

    env.ret is how many were killed, arg[3] the two bytes that replace the first two of a dead block. If arg[2] is not
    zero, those that were made from what memory holds are spared. Where no block is left in the page, it is no longer
    watched.
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
        guest = ld64(entry + TEMPLATE) + GUEST
        if start & PAGE_MASK != page:
            # The page is the block's second one.
            link = NEXT_SECOND
            guest = guest + PAGE - (start & FLAGS_MASK)
            size = size + (start & FLAGS_MASK) - PAGE
            start = page
        elif start + size > page + PAGE:
            size = page + PAGE - start
        hit = start <= last and start + size > first
        if hit and env.arg[2]:
            hit = same_bytes(start + env.ram_addend, guest, size) == 0
        if hit or ld64(entry + PC) == EMPTY:
            killed += kill(env, entry)
            st64(place_of_link, ld64(entry + link))
        else:
            place_of_link = entry + link
        entry = ld64(place_of_link)
    if ld64(head) == 0:
        st8(env.code_map + number, ld8(env.code_map + number) & ~CODE)
    count(env, KILLED, killed)
    unlock(env)
    env.ret = killed
    return Action.CONTINUE


@native
def in_main_ram(env: Env, physical: int) -> int:
    """Whether a physical address lies in main RAM."""
    return 1 if physical >= env.ram_start and physical < env.ram_end else 0


@native
def helper_invalidate_elsewhere(env: Env) -> int:
    """Helper.INVALIDATE_ELSEWHERE: kill, of the entries from arg[0] on, those with bytes outside main RAM.

    env.ret and arg[3] as for INVALIDATE. Such blocks are few, and what they are made from changes seldom: no list
    leads to those of a page.
    """
    lock(env)
    killed = 0
    entry: int = env.arg[0]
    while entry < ld64(env.code_control + NEXT_ENTRY):
        second = ld64(entry + FLAGS) & PAGE_MASK
        if in_main_ram(env, ld64(entry + PHYSICAL) - 1) == 0 or (second and in_main_ram(env, second) == 0):
            killed += kill(env, entry)
        entry += ENTRY
    count(env, KILLED, killed)
    unlock(env)
    env.ret = killed
    return Action.CONTINUE
