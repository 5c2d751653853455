"""Native routines over the block table: place a block, enter templates, and kill what a store overwrites."""

from __future__ import annotations

from pytcg.exec.blocks.table import (
    BLOCKS,
    BLOCKS_LIMIT,
    BLOCKS_MASK,
    CONTENTS_LIMIT,
    CONTENTS_MASK,
    END,
    ENTRY,
    FLAGS,
    HOST,
    INSNS,
    LENGTH,
    LOCK,
    LOG_ORIGINS,
    NEXT,
    NEXT_ENTRY,
    NEXT_SECOND,
    PC,
    PHYSICAL,
    POSITION,
    TEMPLATE,
    TEMPLATES,
    USED,
)
from pytcg.exec.blocks.templates import CODE_ENTRY, CODE_LENGTH, GUEST, GUEST_INSNS, GUEST_LENGTH, KEY, PREFIX
from pytcg.native import native
from pytcg.native.intrinsics import cas64, ld8, ld64, st64
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, Env
from pytcg.tcg.types import MASK64

FLAGS_MASK = 0xFFF
PAGE_MASK = MASK64 & ~FLAGS_MASK
PAGE, PAGE_SHIFT = 4096, 12
MIX_PC = 0x9E3779B97F4A7C15
MIX_PHYSICAL = 0xC2B2AE3D27D4EB4F
#: the upper half of a product is what all its bits have gone into
HASH_SHIFT = 32
ORIGIN_SHIFT = 64 - LOG_ORIGINS
HEADER = 8
ALIGNMENT = 16


@native
def block_slot(env: Env, pc: int, physical: int) -> int:
    """Byte offset in the index of blocks at which to look for a block first."""
    return pc * MIX_PC + physical * MIX_PHYSICAL >> HASH_SHIFT & ld64(env.code_control + BLOCKS_MASK)


@native
def enter_block(env: Env, entry: int, pc: int, physical: int) -> None:
    """Put an entry into the index of blocks, which has room for it."""
    mask = ld64(env.code_control + BLOCKS_MASK)
    at = pc * MIX_PC + physical * MIX_PHYSICAL >> HASH_SHIFT & mask
    while ld64(env.block_index + at) != 0:
        at = at + 8 & mask
    st64(env.block_index + at, entry)


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
    if target + length + HEADER > ld64(control + END) or ld64(control + USED) >= ld64(control + BLOCKS_LIMIT):
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
    entry = ld64(control + NEXT_ENTRY)
    st64(control + NEXT_ENTRY, entry + ENTRY)
    st64(entry + PHYSICAL, physical | 1)
    st64(entry + FLAGS, flags | second)
    st64(entry + TEMPLATE, template)
    st64(entry + LENGTH, ld64(template + GUEST_LENGTH))
    st64(entry + PC, pc)
    st64(entry + HOST, host)
    enter_block(env, entry, pc, physical)
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
def content_slot(env: Env, key: int, prefix: int) -> int:
    """Byte offset in the index of contents at which to look for a template first."""
    return key * MIX_PC + prefix * MIX_PHYSICAL >> HASH_SHIFT & ld64(env.code_control + CONTENTS_MASK)


@native
def remember(env: Env, template: int) -> None:
    """Enter a template into the index of contents, with the lock held."""
    at = content_slot(env, ld64(template + KEY), ld64(template + PREFIX))
    while ld64(env.contents + at):
        at = at + 8 & ld64(env.code_control + CONTENTS_MASK)
    st64(env.contents + at, template)
    count(env, TEMPLATES, 1)


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
def helper_remember(env: Env) -> int:
    """Helper.REMEMBER: enter the templates that lie one behind the other from arg[0] up to arg[1].

    env.ret is the first for which there was no room, or arg[1].
    """
    lock(env)
    template: int = env.arg[0]
    while template < env.arg[1] and ld64(env.code_control + TEMPLATES) < ld64(env.code_control + CONTENTS_LIMIT):
        remember(env, template)
        guest = padded(ld64(template + GUEST_LENGTH))
        template += GUEST + guest + padded(ld64(template + CODE_LENGTH))
    unlock(env)
    env.ret = template
    return Action.CONTINUE


@native
def helper_reindex(env: Env) -> int:
    """Helper.REINDEX: enter the live ones of the entries from arg[0] on into the empty index of blocks."""
    entry: int = env.arg[0]
    while entry < ld64(env.code_control + NEXT_ENTRY):
        if ld64(entry + PC) != EMPTY:
            enter_block(env, entry, ld64(entry + PC), ld64(entry + PHYSICAL) - 1)
        entry += ENTRY
    return Action.CONTINUE


@native
def helper_place(env: Env) -> int:
    """Helper.PLACE: `place` the template arg[0] for env.pc, physical address arg[1], second page arg[2]; env.ret."""
    lock(env)
    env.ret = place(env, env.arg[0], env.pc, env.arg[1], env.flags & FLAGS_MASK, env.arg[2])
    unlock(env)
    return Action.CONTINUE
