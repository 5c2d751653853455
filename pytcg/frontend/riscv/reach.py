"""How far around a page its translation goes: what one TLB entry, and so one slot, serves."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import PAGE, PAGE_MASK, PAGE_SHIFT
from pytcg.frontend.riscv.pmp import pmp_check
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.native import native
from pytcg.native.intrinsics import ld8, ld64
from pytcg.tcg.state import FETCH, WRITE

#: stores: pages are looked at for translated code by groups of 8, within this many bytes
GROUP, NEIGHBOURHOOD = 8 * PAGE, 2 << 20


@native
def has_code(env: RiscvEnv, first: int, end: int) -> int:
    """Whether translated code lies in pages of main RAM, of which there are one or a multiple of 8."""
    at = env.code_map + (first - env.ram_start >> PAGE_SHIFT)
    if end - first == PAGE:
        return ld8(at)
    last = env.code_map + (end - env.ram_start >> PAGE_SHIFT)
    while at != last:
        if ld64(at):
            return 1
        at += 8
    return 0


@native
def find_reach(env: RiscvEnv, access: int, mode: int, allowed: int) -> None:
    """Set env.reach_first and env.reach_end to the physical addresses around the page of env.walk_pa, in main RAM, that

    the leaf maps, that PMP treats alike (`allowed`), and, for stores, that hold no translated code. Fetches go by page.
    """
    page = env.walk_pa & PAGE_MASK
    env.reach_first = page
    env.reach_end = page + PAGE
    size = env.walk_size
    if size == PAGE or access == FETCH:
        return
    first = page & 0 - size
    end = first + size
    if first < env.ram_start:
        first = env.ram_start
    if end > env.ram_end:
        end = env.ram_end
    if access == WRITE:
        near = page & 0 - NEIGHBOURHOOD
        low = page & 0 - GROUP
        high = low + GROUP
        at = env.code_map + (low - env.ram_start >> PAGE_SHIFT)
        if near > first:
            first = near
        if near + NEIGHBOURHOOD < end:
            end = near + NEIGHBOURHOOD
        if low < first or high > end or ld64(at):
            return
        up = at + 8
        while low >= first + GROUP and ld64(at - 8) == 0:
            at -= 8
            low -= GROUP
        while high + GROUP <= end and ld64(up) == 0:
            up += 8
            high += GROUP
        first = low
        end = high
    if pmp_check(env, first, end - first, mode) == allowed:
        env.reach_first = first
        env.reach_end = end
