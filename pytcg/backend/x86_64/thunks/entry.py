"""The runtime's C functions: into machine code and out of it, and what other threads call."""

from __future__ import annotations

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.host import READ_COUNTER
from pytcg.backend.x86_64.encode import R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, Mem
from pytcg.backend.x86_64.thunks.routines import Routines
from pytcg.native.kernel import FUTEX, FUTEX_WAKE
from pytcg.tcg.state import IRQ_ALARM

CALLEE_SAVED = (RBX, RBP, R12, R13, R14, R15)
#: offset in siginfo_t
SI_VALUE = 24


def entry(a: Routines, name: str) -> None:
    """enter(env, code) and resume(env): C functions that return a Status."""
    a.label(name)
    a(*(x.push(register) for register in CALLEE_SAVED))
    a(x.mov(1, RBP, RDI), x.mov_store(1, a.field("host_sp"), RSP))
    a(x.stmxcsr(a.field("host_mxcsr")), x.ldmxcsr(a.field("mxcsr")))
    if name == "enter":
        a(x.mov(1, RAX, RSI))
        a.reload()
        a(x.jmp(RAX))
    else:
        a.resume()


def leave_machine_code(a: Routines) -> None:
    """Leave with the status in eax; the guest's registers have been saved."""
    a.label("exit")
    a(x.mov(1, RSP, a.field("host_sp")))
    a(x.stmxcsr(a.field("mxcsr")), x.ldmxcsr(a.field("host_mxcsr")))
    a(*(x.pop(register) for register in reversed(CALLEE_SAVED)), x.RET)


def call(a: Routines) -> None:
    """call(env, number): a C function that calls a compiled helper and returns its Action."""
    a.label("call")
    a(*(x.push(register) for register in CALLEE_SAVED))
    a(x.mov(1, RBP, RDI), x.shl(0, RSI, 3))
    a(x.mov(1, RCX, Mem(RBP, a.layout.offset["natives"], RSI)), x.call(RCX))
    a(*(x.pop(register) for register in reversed(CALLEE_SAVED)), x.RET)


def ring(a: Routines) -> None:
    """ring(env, bits): a C function that sets bits of env.irq and wakes the vCPU if it sleeps on that word."""
    irq = Mem(RDI, a.layout.offset["irq"])
    a.label("ring")
    a(x.lock_or(0, irq, RSI), x.lea(1, RDI, irq))
    a(x.mov_u32(RSI, FUTEX_WAKE), x.mov_u32(RDX, 1), x.mov_u32(RAX, FUTEX), x.SYSCALL, x.RET)


def alarm(a: Routines) -> None:
    """The handler of a vCPU's alarm signal: si_value of the siginfo in rsi is its env pointer."""
    a.label("alarm")
    a(x.mov(1, RAX, Mem(RSI, SI_VALUE)), x.lock_or_imm(0, Mem(RAX, a.layout.offset["irq"]), IRQ_ALARM))
    a(x.RET)
    a.label("end of alarm")


def read_counter(a: Routines) -> None:
    """read_counter(): a C function that returns the host's time stamp counter."""
    a.label("read_counter")
    a(READ_COUNTER, x.RET)
