"""Routines between blocks: finding the next one, polls, and helpers."""

from __future__ import annotations

from pytcg.backend.base import Status
from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.encode import RAX, RBP, RCX, RDX, RSP, Mem
from pytcg.backend.x86_64.thunks.routines import MXCSR, Routines
from pytcg.tcg.helpers import Action, Helper


def chain(a: Routines) -> None:
    """An exit that has no target yet: chain it to its target if that is placed, or leave to Python."""
    a.label("chain")
    a.save()
    a(x.pop(RAX), x.mov_store(1, a.field("resume"), RAX))
    a(x.movsxd(RCX, Mem(RAX, 4)), x.add(1, RCX, RAX))  # the block's entry
    a(x.movsxd(RAX, Mem(RAX)), x.add(1, RAX, Mem(RCX, -8)), x.mov_store(1, a.field("pc"), RAX))
    a.call_native(Helper.LOOKUP, "chain in Python")
    a(x.cmp_imm(0, RAX, Action.JUMP))
    a.jump_if(x.E, "find")
    a.jump_if(x.A, "chain in Python")
    a(x.mov(1, RDX, a.field("resume")), x.movsxd(RCX, Mem(RDX, 8)), x.add(1, RCX, RDX))  # the rel32
    a(x.mov(1, RAX, a.field("ret")), x.sub(1, RAX, RCX), x.sub_imm(1, RAX, 4))
    a(x.add(1, RCX, a.field("code_alias")), x.mov_store(0, Mem(RCX), RAX))
    a.reload()
    a(x.jmp(a.field("ret")))
    a.label("chain in Python")
    a.leave(Status.CHAIN)


def lookup(a: Routines) -> None:
    """Find the block for the guest pc in rax; `find` does so for env.pc with registers saved."""
    a.label("lookup")
    a(x.mov_store(1, a.field("pc"), RAX))
    a.save()
    a.label("find")
    a(x.mov(1, RSP, a.field("host_sp")))
    a(x.cmp_imm(0, a.field("irq"), 0))
    a.jump_if(x.NE, "interrupt")
    a.call_native(Helper.LOOKUP, "lookup fails")
    a(x.cmp_imm(0, RAX, Action.JUMP))
    a.jump_if(x.E, "find")
    a.jump_if(x.A, "lookup fails")
    a.reload()
    a(x.jmp(a.field("ret")))
    a.label("lookup fails")
    a.leave(Status.LOOKUP)
    a.label("interrupt")
    a.call_native(Helper.INTERRUPT, "interrupt fails")
    a(x.cmp_imm(0, RAX, Action.EXIT))
    a.jump_if(x.NE, "find")
    a.label("interrupt fails")
    a.leave(Status.INTERRUPT)


def poll(a: Routines) -> None:
    """A backward branch saw an exit request: the branch is to be done again afterwards."""
    a.label("poll")
    a.save()
    a(x.pop(RDX))
    a.insn_pc()
    a(x.mov_store(1, a.field("pc"), RAX))
    a.jump("interrupt")


def dead(a: Routines) -> None:
    """A dead block was entered, and has called this from in front of its header."""
    a.label("dead")
    a(x.pop(RAX), x.mov(1, RAX, Mem(RAX)))
    a.jump("lookup")


def helper(a: Routines) -> None:
    """Call helper number ecx and go back, unless it or Python decides otherwise.

    The guest's MXCSR is in env.mxcsr then.
    """
    mxcsr = a.field("mxcsr")
    a.label("helper")
    a.save()
    a(
        x.mov_store(1, a.field("helper"), RCX),
        x.mov(1, RDX, Mem(RSP)),
        x.mov_store(1, a.field("resume"), RDX),
    )
    a.insn_pc()
    a(x.lea(1, RCX, Mem(RCX, 0, RCX)), x.add(0, RCX, RCX), x.add(0, RCX, RCX))
    a(x.mov(1, RCX, Mem(RBP, a.layout.offset["natives"], RCX)), x.test(1, RCX, RCX))
    a.jump_if(x.E, "helper in Python")
    a(x.stmxcsr(mxcsr), x.mov(0, RAX, mxcsr), x.mov_store(0, a.field("scratch", MXCSR), RAX))
    a(x.call(RCX))
    a(x.mov(0, RCX, mxcsr), x.cmp(0, RCX, a.field("scratch", MXCSR)))
    a(x.jcc8(x.E, len(x.ldmxcsr(mxcsr))), x.ldmxcsr(mxcsr))
    a(x.cmp_imm(0, RAX, Action.JUMP))
    a.jump_if(x.E, "find")
    a.jump_if(x.A, "helper does not go on")
    a.reload()
    a(x.RET)
    a.label("helper does not go on")
    a(x.cmp_imm(0, RAX, Action.EXIT))
    a.jump_if(x.E, "interrupt fails")
    a.label("helper in Python")
    a.leave(Status.HELPER)
