"""Page-table walks: Bare, Sv39, Sv48, Sv57, Svnapot, Svpbmt, Svadu (Privileged ISA manual, 11.3-11.6 and 12-14)."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import (
    MENVCFG_ADUE,
    MENVCFG_PBMTE,
    MODE_M,
    MODE_S,
    MODE_U,
    MSTATUS_MXR,
    PAGE_SHIFT,
    PHYSICAL_BITS,
    PMP_R,
    PMP_W,
    PTE_A,
    PTE_D,
    PTE_G,
    PTE_N,
    PTE_PBMT,
    PTE_PPN,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_MODE_SHIFT,
    SATP_PPN,
)
from pytcg.frontend.riscv.pmp import pmp_check
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.native import native
from pytcg.native.intrinsics import cas64, ld64
from pytcg.tcg.state import FETCH, WRITE

#: an access by a debugger: no permission is asked for, and nothing in memory changes
DEBUG = 3

# How far a walk is.
WALK_DONE, WALK_PAGE_FAULT, WALK_ACCESS_FAULT = 0, 1, 2
#: an entry of env.walk_table comes next
WALK_ON = 3
#: the entry is not in main RAM: Python must read it
WALK_SLOW = 4
#: the entry is the leaf, but its A or D must be set
WALK_UPDATE = 5

_NAPOT_SIZE = 1 << 16


@native
def walk_start(env: RiscvEnv, address: int, mode: int) -> int:
    """Begin to translate a virtual address; WALK_DONE where addresses are physical."""
    scheme = env.satp >> SATP_MODE_SHIFT
    if mode == MODE_M or scheme == 0:
        env.walk_pa = address
        env.walk_size = 1 << PHYSICAL_BITS
        env.walk_global = 1
        return WALK_ACCESS_FAULT if address >> PHYSICAL_BITS else WALK_DONE
    bits = PAGE_SHIFT + 9 * (scheme - 5)
    if address + (1 << (bits - 1)) >> bits:
        return WALK_PAGE_FAULT
    env.walk_shift = bits - 9
    env.walk_global = 0
    env.walk_table = (env.satp & SATP_PPN) << PAGE_SHIFT
    return WALK_ON


@native
def entry_address(env: RiscvEnv, address: int) -> int:
    """Physical address of the page-table entry that comes next."""
    return int(env.walk_table + ((address >> env.walk_shift & 511) << 3))


@native
def permitted(env: RiscvEnv, access: int, mode: int, entry: int) -> int:
    """Whether a leaf allows an access in U or S."""
    if entry & PTE_U:
        if mode == MODE_S or (mode != MODE_U and access == FETCH):
            return 0
    elif mode == MODE_U:
        return 0
    if access == WRITE:
        return entry & PTE_W
    if access == FETCH:
        return entry & PTE_X
    return entry & (PTE_R | PTE_X if env.mstatus & MSTATUS_MXR else PTE_R)


@native
def walk_step(env: RiscvEnv, address: int, access: int, mode: int, entry: int) -> int:
    """Go on by one page-table entry: WALK_ON to the next table, or from a leaf to the end."""
    if entry & PTE_V == 0 or entry & (PTE_R | PTE_W) == PTE_W or entry & env.pte_reserved:
        return WALK_PAGE_FAULT
    env.walk_global |= entry & PTE_G
    shift = env.walk_shift
    frame = (entry & PTE_PPN) << 2
    if entry & (PTE_R | PTE_X) == 0:
        if shift == PAGE_SHIFT or entry & (PTE_D | PTE_A | PTE_U | PTE_N | PTE_PBMT):
            return WALK_PAGE_FAULT
        env.walk_table = frame
        env.walk_shift = shift - 9
        return WALK_ON
    size = 1 << shift
    if entry & PTE_N:
        size = _NAPOT_SIZE
        if shift != PAGE_SHIFT or frame & (size - 1) != size >> 1:
            return WALK_PAGE_FAULT
        frame -= size >> 1
    if frame & (size - 1):
        return WALK_PAGE_FAULT
    if entry & PTE_PBMT and (env.menvcfg & MENVCFG_PBMTE == 0 or entry & PTE_PBMT == PTE_PBMT):
        return WALK_PAGE_FAULT
    env.walk_pa = frame | address & (size - 1)
    env.walk_size = size
    if access == DEBUG:
        return WALK_DONE
    if permitted(env, access, mode, entry) == 0:
        return WALK_PAGE_FAULT
    if entry & PTE_A == 0 or (access == WRITE and entry & PTE_D == 0):
        return WALK_UPDATE if env.menvcfg & MENVCFG_ADUE else WALK_PAGE_FAULT
    return WALK_DONE


@native
def walk_on(env: RiscvEnv, address: int, access: int, mode: int, status: int) -> int:
    """Go on from `status` to the end of a walk, or to an entry outside of main RAM (WALK_SLOW)."""
    while status == WALK_ON:
        place = entry_address(env, address)
        allowed = pmp_check(env, place, 8, MODE_S)
        if allowed & PMP_R == 0:
            return WALK_ACCESS_FAULT
        if place < env.ram_start or place >= env.ram_end:
            return WALK_SLOW
        host = env.ram_addend + place
        entry = ld64(host)
        status = walk_step(env, address, access, mode, entry)
        if status == WALK_UPDATE:
            if allowed & PMP_W == 0:
                return WALK_ACCESS_FAULT
            updated = entry | PTE_A | (PTE_D if access == WRITE else 0)
            # Another hart may have changed the entry since: then it is looked at again.
            status = WALK_DONE if cas64(host, entry, updated) == entry else WALK_ON
    return status


def walk(env: RiscvEnv, address: int, access: int, mode: int) -> int:
    """Translate, with page tables anywhere: WALK_DONE (env.walk_pa), WALK_PAGE_FAULT or WALK_ACCESS_FAULT."""
    status = walk_on(env, address, access, mode, walk_start(env, address, mode))
    memory = env.cpu.memory
    while status == WALK_SLOW:
        place = entry_address(env, address)
        if memory.find(place) is None:
            return WALK_ACCESS_FAULT
        status = walk_step(env, address, access, mode, memory.read(place, 8))
        if status == WALK_UPDATE:
            # Only main RAM takes the atomic update of an entry.
            return WALK_ACCESS_FAULT
        status = walk_on(env, address, access, mode, status)
    return status
