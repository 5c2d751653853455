"""The host's memory, its counter and its kernel."""

from __future__ import annotations

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.operands import Emitter, Operands, load_memory, store_memory, store_zero
from pytcg.backend.x86_64.encode import R10, R11, RAX, RCX, RDI, RDX, RSI, Mem
from pytcg.tcg.ops import Op

READ_COUNTER = x.RDTSC + x.shl(1, RDX, 32) + x.or_(1, RAX, RDX)


def _host_address(m: Operands, operand: int, off: int) -> tuple[bytes, Mem]:
    register = m.reg(operand)
    return (m.load(1, RCX, operand), Mem(RCX, off)) if register is None else (b"", Mem(register, off))


def ld(m: Operands, op: Op) -> bytes:
    _, d, a, off, mop = op
    head, memory = _host_address(m, a, off)
    target = m.target(d)
    return head + load_memory(target, memory, mop) + m.store(d, target)


def st(m: Operands, op: Op) -> bytes:
    _, a, b, off, mop = op
    head, memory = _host_address(m, b, off)
    register = m.reg(a)
    if a == 0:
        return head + store_zero(memory, mop)
    if register is None:
        return head + m.load(1, RAX, a) + store_memory(memory, RAX, mop)
    return head + store_memory(memory, register, mop)


def host_cmpxchg(m: Operands, op: Op) -> bytes:
    _, d, a, b, c = op
    body = m.load(1, RDX, a) + m.load(1, RCX, c) + m.load(1, RAX, b) + x.lock_cmpxchg(1, Mem(RDX), RCX)
    return body + m.store(d, RAX)


def clock(m: Operands, op: Op) -> bytes:
    return READ_COUNTER + m.store(op[1], RAX)


def kernel_call(m: Operands, op: Op) -> bytes:
    """Arguments in rdi, rsi, rdx and r10; the kernel destroys rcx and r11 (System V ABI, AMD64 supplement, A.2.1)."""
    _, d, a, b, c, number = op
    kept = (RDI, RSI, R10, R11)
    body = b"".join(x.push(register) for register in kept)
    for operand in (a, b, c):
        body += m.load(1, RAX, operand) + x.push(RAX)
    body += b"".join(x.pop(register) for register in (RDX, RSI, RDI))
    body += x.xor(0, R10, R10) + x.mov_u32(RAX, number) + x.SYSCALL
    return body + b"".join(x.pop(register) for register in reversed(kept)) + m.store(d, RAX)


def mb(m: Operands, op: Op) -> bytes:
    """A locked operation on the stack: a full barrier, and faster than mfence."""
    return x.lock_or_imm(0, Mem(x.RSP), 0)


def ret(m: Operands, op: Op) -> bytes:
    return m.load(1, RAX, op[1]) + x.RET


HOST: dict[str, Emitter] = {
    "ld": ld,
    "st": st,
    "host_cmpxchg": host_cmpxchg,
    "clock": clock,
    "kernel_call": kernel_call,
    "mb": mb,
    "ret": ret,
}
