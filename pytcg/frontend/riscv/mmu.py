"""What memory accesses ask of the MMU: filling the TLB, checking an access, and the exceptions of those that fail."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import (
    CAUSE_LOAD_MISALIGNED,
    CAUSE_STORE_MISALIGNED,
    FLAG_MODE,
    PAGE,
    PAGE_MASK,
    PMP_R,
)
from pytcg.frontend.riscv.exceptions import raise_exception, raise_fault
from pytcg.frontend.riscv.pmp import PMP_PARTIAL, pmp_check
from pytcg.frontend.riscv.reach import find_reach, has_code
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.tlb import fill_entry, forget_entry, forget_large, note_fetch, refill
from pytcg.frontend.riscv.walk import (
    DEBUG,
    WALK_ACCESS_FAULT,
    WALK_DONE,
    WALK_PAGE_FAULT,
    WALK_SLOW,
    walk,
    walk_on,
    walk_start,
)
from pytcg.native import native
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, FETCH, READ, WRITE


@native
def helper_tlb_miss(env: RiscvEnv) -> int:
    """An access (arg[0] address, arg[1] access, arg[2] mode) missed the TLB: CONTINUE with it filled, or JUMP, or SLOW.

    Entries of FETCH hold the physical minus the virtual address; the others lead to main RAM, and those of WRITE to
    pages without translated code. With SLOW, env.ret is the physical address if it is known and permitted, else EMPTY.
    """
    address: int = env.arg[0]
    access: int = env.arg[1]
    mode: int = env.arg[2]
    if access != FETCH and refill(env, address, access, mode):
        return Action.CONTINUE
    env.ret = EMPTY
    status = walk_on(env, address, access, mode, walk_start(env, address, mode))
    if status == WALK_SLOW:
        return Action.SLOW
    page = env.walk_pa & PAGE_MASK
    if status == WALK_DONE:
        allowed = pmp_check(env, page, PAGE, mode)
        if allowed == PMP_PARTIAL:
            return Action.SLOW
        if allowed >> access & 1 == 0:
            status = WALK_ACCESS_FAULT
    if status != WALK_DONE:
        return raise_fault(env, address, access, status == WALK_PAGE_FAULT)
    addend = page - (address & PAGE_MASK)
    if access != FETCH:
        env.ret = env.walk_pa
        if page < env.ram_start or page >= env.ram_end:
            return Action.SLOW
        if access == WRITE and has_code(env, page, page + PAGE):
            return Action.SLOW
        addend += env.ram_addend
    find_reach(env, access, mode, allowed)
    fill_entry(env, address, access, mode, addend)
    if access == WRITE and has_code(env, env.reach_first, env.reach_end):
        # Another vCPU has placed code there meanwhile; it may have emptied the TLB before the entry was in it.
        forget_entry(env, address, access, mode)
        forget_large(env, address, access, mode)
        return Action.SLOW
    return Action.CONTINUE


def probe(env: RiscvEnv, address: int, access: int, mode: int, size: int = 1) -> Action:
    """Check an access of `size` bytes within a page: CONTINUE with the physical address in env.ret, or JUMP.

    JUMP: an exception was raised. Its epc is env.insn_pc, and its tval the address.
    """
    status = walk(env, address, access, mode)
    if status == WALK_DONE and not pmp_check(env, env.walk_pa, size, mode) >> access & 1:
        status = WALK_ACCESS_FAULT
    if status != WALK_DONE:
        return Action(raise_fault(env, address, access, status == WALK_PAGE_FAULT))
    if access == FETCH:
        note_fetch(env, address, mode)
    env.ret = env.walk_pa
    return Action.CONTINUE


@native
def helper_cbo(env: RiscvEnv) -> int:
    """RiscvHelper.CBO: whether a block is in main RAM and may be managed is found out here, all else in Python."""
    address: int = env.arg[0]
    mode = env.flags & FLAG_MODE
    status = walk_on(env, address, READ, mode, walk_start(env, address, mode))
    env.ret = 1
    if status == WALK_DONE and pmp_check(env, env.walk_pa, 1, mode) & PMP_R:
        env.ret = env.walk_pa < env.ram_start or env.walk_pa >= env.ram_end
    return Action.CONTINUE


def helper_cbo_slow(env: RiscvEnv) -> Action:
    """RiscvHelper.CBO_SLOW: managing a block takes permission to load or to store (Unprivileged ISA manual, 19.5.1)."""
    address: int = env.arg[0]
    mode = env.flags & FLAG_MODE
    # Whatever may be stored to may be loaded from: W without R is reserved, in page tables and in pmpcfg.
    status = walk(env, address, READ, mode)
    allowed = status == WALK_DONE and pmp_check(env, env.walk_pa, 1, mode) & PMP_R
    if allowed and env.cpu.memory.find(env.walk_pa) is not None:
        return Action.CONTINUE
    return Action(raise_fault(env, address, WRITE, status == WALK_PAGE_FAULT))


def debug_translate(env: RiscvEnv, address: int) -> int | None:
    """Physical address of a virtual one in the current data MMU mode, for a debugger; None where nothing is mapped."""
    return env.walk_pa if walk(env, address, DEBUG, env.flags & FLAG_MODE) == WALK_DONE else None


def raise_misaligned(env: RiscvEnv, address: int, access: int) -> Action:
    """An atomic access, or one that asks for alignment, is not aligned."""
    return Action(raise_exception(env, CAUSE_STORE_MISALIGNED if access == WRITE else CAUSE_LOAD_MISALIGNED, address))


def raise_access_fault(env: RiscvEnv, address: int, access: int) -> Action:
    """The physical memory of an access does not answer."""
    return Action(raise_fault(env, address, access, 0))
