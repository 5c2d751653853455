"""Routines of guest memory access: the TLB, and what happens where it has no entry."""

from __future__ import annotations

from pytcg.backend.base import KIND_ACCESS_SHIFT, Status
from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.encode import RAX, RBP, RCX, RDX, RSP, Mem
from pytcg.backend.x86_64.thunks.routines import INFO, Routines
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.state import ADDEND, ENTRY_BYTES, FIRST_ADDRESS, LIMIT, NUM_SLOTS, TLB_SHIFT, WORD, WRITE
from pytcg.tcg.types import MO_ALIGN, MO_MODE, MO_MODE_SHIFT, MO_SIZE

PAGE = 4096
ENTRY_SHIFT = ENTRY_BYTES.bit_length() - 1


def miss(a: Routines) -> None:
    """The TLB has no entry: `fill` asks the helper TLB_MISS and goes back, `slow` leaves to Python.

    rcx is mem_kind; on the stack are the return address of the call of `fill` or `slow`, the guest address, and the
    return address of the block's stub.
    """
    a.label("fill")
    _miss_state(a)
    a.call_native(Helper.TLB_MISS, "access in Python")
    a(x.cmp_imm(0, RAX, Action.JUMP))
    a.jump_if(x.E, "find")
    a.jump_if(x.A, "register")
    a.reload()
    a(x.mov(1, RAX, a.field("scratch", INFO)), x.RET)
    a.label("register")
    a.call_native(Helper.REGISTER, "access in Python")
    a(x.cmp_imm(0, RAX, Action.CONTINUE))
    a.jump_if(x.NE, "access in Python")
    a(x.mov(1, RSP, a.field("host_sp")))
    a.resume()
    a.label("slow")
    _miss_state(a)
    a.label("access in Python")
    a.leave(Status.MEMORY)


def _miss_state(a: Routines) -> None:
    """Save the guest's registers and tell what access it is: env.mem_*, env.arg, env.resume, env.insn_pc."""
    a.save()
    a(x.mov_store(1, a.field("mem_kind"), RCX))
    a(x.mov(1, RDX, Mem(RSP, 8)), x.mov_store(1, a.field("mem_addr"), RDX), x.mov_store(1, a.field("arg"), RDX))
    a(x.mov(0, RDX, RCX), x.shr(0, RDX, KIND_ACCESS_SHIFT), x.and_imm(0, RDX, 1))
    a(x.mov_store(1, a.field("arg", 1), RDX))
    a(x.shr(0, RCX, MO_MODE_SHIFT), x.and_imm(0, RCX, 3), x.mov_store(1, a.field("arg", 2), RCX))
    # the slot: (mode * 2 + access) * NUM_SLOTS + register
    a(x.lea(0, RDX, Mem(RDX, 0, RCX)), x.add(0, RDX, RCX), x.shl(0, RDX, 5))
    a(x.mov(0, RCX, RAX), x.and_imm(0, RCX, NUM_SLOTS - 1), x.add(0, RDX, RCX), x.shl(0, RDX, ENTRY_SHIFT))
    a(x.add_imm(1, RDX, a.layout.offset["slots"]), x.mov_store(1, a.field("mem_slot"), RDX))
    a(x.mov(1, RDX, Mem(RSP, 16)), x.mov_store(1, a.field("resume"), RDX))
    a.insn_pc()


def memory(a: Routines, kind: int) -> str:
    """Find the TLB entry for address rdx, copy it to the slot, and return the addend in rcx with rdx kept.

    `kind`: a mem_kind without other bits than those of KINDS, size and mode. The routine's label comes back.
    """
    size, mode = 1 << (kind & MO_SIZE), (kind & MO_MODE) >> MO_MODE_SHIFT
    access = kind >> KIND_ACCESS_SHIFT & 1
    tlb, slots = a.layout.tlb(mode, access), a.layout.slot(mode, access, 0)
    entry, slot = ([Mem(RBP, at + WORD * n, r) for n in range(3)] for at, r in ((tlb, RCX), (slots, RAX)))
    name = f"memory {kind}"
    a.label(name)
    a(x.mov(0, RCX, RDX), x.shr(0, RCX, TLB_SHIFT), x.and_(0, RCX, a.field("tlb_masks", mode * 3 + access)))
    a(x.push(RDX))
    if kind & MO_ALIGN and size > 1:
        a(x.test_imm8(Mem(RSP), size - 1))
        a.jump_if(x.NE, f"{name} slow")
    a(x.sub(1, RDX, entry[FIRST_ADDRESS]), x.cmp(1, RDX, entry[LIMIT]))
    a.jump_if(x.AE, f"{name} misses")
    a(x.and_imm(0, RAX, NUM_SLOTS - 1), x.shl(0, RAX, ENTRY_SHIFT))
    for word in (FIRST_ADDRESS, LIMIT, ADDEND):
        a(x.mov(1, RDX, entry[word]), x.mov_store(1, slot[word], RDX))
    if access == WRITE:
        # Another vCPU that places code in the page empties the TLB, then the slots, with a barrier between.
        a(x.cmp_imm(1, entry[LIMIT], 0))
        a.jump_if(x.E, f"{name} withdrawn")
    a(x.mov(1, RCX, RDX), x.pop(RDX), x.RET)
    if access == WRITE:
        a.label(f"{name} withdrawn")
        a(x.mov_imm(1, slot[LIMIT], 0), x.mov(1, RCX, RDX), x.pop(RDX), x.RET)
    a.label(f"{name} misses")
    if size < WORD:
        # It may lie in the last bytes, which the limit leaves out.
        a(x.sub_imm(1, RDX, WORD - size), x.cmp(1, RDX, entry[LIMIT]))
        a.jump_if(x.AE, f"{name} is elsewhere")
        a(x.mov(1, RCX, entry[ADDEND]), x.pop(RDX), x.RET)
        a.label(f"{name} is elsewhere")
    if size > 1:
        a(x.mov(0, RDX, Mem(RSP)), x.and_imm(0, RDX, PAGE - 1), x.cmp_imm(0, RDX, PAGE - size))
        a.jump_if(x.A, f"{name} slow")
    a.label(f"{name} fill")
    a(x.mov_u32(RCX, kind))
    a.call("fill")
    a(x.pop(RDX))
    a.jump(name)
    a.label(f"{name} slow")
    a(x.mov_u32(RCX, kind))
    a.call("slow")
    return name
