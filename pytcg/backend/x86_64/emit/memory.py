"""Guest memory: the inline check of a TLB slot, the access, and the stub that goes to the runtime.

A guarded op has hot code with one or more branches to a stub in the cold part, which calls the runtime and comes back:

    hot:   seg jcc stub … seg [resume:] …       stub:  head (mov eax,) info; call *thunk; tail; jmp resume
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import NamedTuple

from pytcg.backend.base import KIND_ACCESS_SHIFT, KIND_ATOMIC, KIND_PROBE
from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.operands import Operands, load_memory, store_memory, store_zero
from pytcg.backend.x86_64.encode import RAX, RCX, RDX, Encoder, Mem
from pytcg.tcg.ops import Op
from pytcg.tcg.state import READ, WRITE, Layout
from pytcg.tcg.types import MO_32, MO_64, MO_ALIGN, MO_MODE, MO_MODE_SHIFT, MO_SIZE

MOV_EAX = x.mov_u32(RAX, 0)[:1]
PAGE_MASK = -4096

#: the kinds of access that have thunks of their own, as mem_kind bits without size and mode
KINDS = (
    READ << KIND_ACCESS_SHIFT,
    WRITE << KIND_ACCESS_SHIFT,
    READ << KIND_ACCESS_SHIFT | MO_ALIGN,
    WRITE << KIND_ACCESS_SHIFT | MO_ALIGN,
    WRITE << KIND_ACCESS_SHIFT | MO_ALIGN | KIND_ATOMIC,
    READ << KIND_ACCESS_SHIFT | KIND_PROBE,
    WRITE << KIND_ACCESS_SHIFT | KIND_PROBE,
    READ << KIND_ACCESS_SHIFT | MO_ALIGN | KIND_PROBE,
    WRITE << KIND_ACCESS_SHIFT | MO_ALIGN | KIND_PROBE,
)
NUM_MEMORY_THUNKS = len(KINDS) * 16


@cache
def memory_thunk(kind: int) -> int:
    """Index into env.thunks of the routine for a mem_kind (see `KINDS`; size and mode in their bits)."""
    size, mode = kind & MO_SIZE, (kind & MO_MODE) >> MO_MODE_SHIFT
    return KINDS.index(kind & ~(MO_SIZE | MO_MODE)) * 16 + mode * 4 + size


class Guarded(NamedTuple):
    """Precomputed pieces of a guarded op."""

    #: the hot code; a branch displacement goes between any two segments
    segments: tuple[bytes, ...]
    #: bytes from the start of the hot code to where the stub returns to
    resume: int
    #: the register bits of info
    info: int
    #: the stub up to info, its whole length, and the distance of the call's return address from its end
    head: bytes
    length: int
    returns: int
    #: the stub from the call on, and the packer of (low half of info, return address, call, displacement of the
    #: last jump)
    call: bytes
    pack: Callable[..., bytes]


def guarded(
    m: Operands, segments: tuple[bytes, ...], resume: int, info: int, head: bytes, thunk: int, tail: bytes
) -> Guarded:
    """The pieces of a guarded op: `head` and `tail` of its stub go before and after the call of the thunk."""
    call = x.call(m.field("thunks", thunk))
    after = tail + x.JMP32
    length = len(head + MOV_EAX) + 4 + len(call + after) + 4
    pack = _packer(len(call + after))
    return Guarded(segments, resume, info, head + MOV_EAX, length, len(after) + 4, call + after, pack)


@cache
def _packer(length: int) -> Callable[..., bytes]:
    """Packer of the end of a stub whose code from the call on has this length."""
    return Struct(f"<Hh{length}si").pack


def _access(m: Operands, base: int, off: int, kind: int, head: bytes, access: Callable[[Mem], bytes]) -> Guarded:
    """Check the slot of `base`, then access memory with the addend in rcx: `access` is given the operand to use."""
    layout: Layout = m.layout
    mode = (kind & MO_MODE) >> MO_MODE_SHIFT
    slot = layout.slot(mode, kind >> KIND_ACCESS_SHIFT & 1, base)
    register = m.reg(base)
    if register is None:
        address = x.mov(1, RDX, m.at[base]) + (x.add_imm(1, RDX, off) if off else b"")
        use = x.add(1, RCX, m.at[base]) + access(Mem(RCX, off))
    else:
        address = x.lea(1, RDX, Mem(register, off)) if off else x.mov(1, RDX, register)
        use = access(Mem(register, off, RCX))
    check = x.and_imm(1, RDX, PAGE_MASK | (1 << (kind & MO_SIZE)) - 1) + x.cmp(1, RDX, Mem(x.RBP, slot)) + x.jcc32(x.NE)
    addend = x.mov(1, RCX, Mem(x.RBP, slot + 8))
    segments = (address + check, addend + use)
    resume = len(segments[0]) + 4 + len(addend)
    return guarded(m, segments, resume, base & 31, head + address, memory_thunk(kind), b"")


def _kind(mop: int, access: int, more: int = 0) -> int:
    """mem_kind of an access; the sign is not part of it."""
    return mop & (MO_SIZE | MO_MODE | MO_ALIGN) | access << KIND_ACCESS_SHIFT | more


def guest_ld(m: Operands, op: Op) -> Guarded:
    _, d, a, off, mop = op
    target = m.reg(d)

    def access(memory: Mem) -> bytes:
        if target is None:
            return load_memory(RDX, memory, mop) + m.store(d, RDX)
        return load_memory(target, memory, mop)

    return _access(m, a, off, _kind(mop, READ), b"", access)


def guest_st(m: Operands, op: Op) -> Guarded:
    _, a, b, off, mop = op
    register = m.reg(a)

    def access(memory: Mem) -> bytes:
        if a == 0:
            return store_zero(memory, mop)
        if register is None:
            return m.load(1, RDX, a) + store_memory(memory, RDX, mop)
        return store_memory(memory, register, mop)

    return _access(m, b, off, _kind(mop, WRITE), _keep_value(m, a), access)


def _keep_value(m: Operands, operand: int) -> bytes:
    """Put the value to be stored where the runtime's caller finds it. rax and rcx are free in a stub."""
    register, slot = m.reg(operand), m.field("mem_value")
    return m.load(1, RAX, operand) + x.mov_store(1, slot, RAX) if register is None else x.mov_store(1, slot, register)


def guest_probe(m: Operands, op: Op) -> Guarded:
    _, a, off, mop, access = op
    probe = _access(m, a, off, _kind(mop, access, KIND_PROBE), b"", lambda memory: b"")
    return probe._replace(segments=(probe.segments[0], b""), resume=len(probe.segments[0]) + 4)


def _atomic(update: Callable[[Operands, Op, int], bytes]) -> Callable[[Operands, Op], Guarded]:
    """An atomic op at host address rcx; `update` leaves the old value in rax."""

    def emit(m: Operands, op: Op) -> Guarded:
        _, d, a, b, *_, mop = op
        if mop & MO_SIZE < MO_32:
            raise ValueError("atomics are of 32 or 64 bits")
        w = int(mop & MO_SIZE == MO_64)

        def access(memory: Mem) -> bytes:
            at = b"" if memory.idx < 0 else x.add(1, RCX, memory.base)
            extend = b"" if w else x.movsxd(RAX, RAX)
            return at + update(m, op, w) + extend + m.store(d, RAX)

        kind = _kind(mop | MO_ALIGN, WRITE, KIND_ATOMIC)
        return _access(m, a, 0, kind, _keep_value(m, b), access)

    return emit


def _exchange(instruction: Encoder) -> Callable[[Operands, Op], Guarded]:
    return _atomic(lambda m, op, w: m.load(w, RAX, op[3]) + instruction(w, Mem(RCX), RAX))


def _loop(combine: Callable[[Operands, int, int], bytes]) -> Callable[[Operands, Op], Guarded]:
    """A compare-and-exchange loop: `combine` makes the new value in rdx of the old one, in rax, and an operand."""

    def update(m: Operands, op: Op, w: int) -> bytes:
        body = combine(m, w, op[3]) + x.lock_cmpxchg(w, Mem(RCX), RDX)
        return x.mov(w, RAX, Mem(RCX)) + body + x.jcc8(x.NE, -len(body) - 2)

    return _atomic(update)


def _logical(instruction: Encoder) -> Callable[[Operands, Op], Guarded]:
    return _loop(lambda m, w, b: x.mov(w, RDX, RAX) + instruction(w, RDX, m.at[b]))


def _extremum(condition: int) -> Callable[[Operands, Op], Guarded]:
    """The old value stays where `b condition old` does not hold; b is brought into rdx first."""
    return _loop(lambda m, w, b: m.load(w, RDX, b) + x.cmp(w, RDX, RAX) + x.cmov(w, condition, RDX, RAX))


def _compare_exchange(m: Operands, op: Op, w: int) -> bytes:
    return m.load(w, RAX, op[3]) + m.load(w, RDX, op[4]) + x.lock_cmpxchg(w, Mem(RCX), RDX)


def atomic_cmpxchg(m: Operands, op: Op) -> Guarded:
    return _atomic(_compare_exchange)(m, op)


#: emitters of the ops that access guest memory; they are given the op without its `insn`
MEMORY: dict[str, Callable[[Operands, Op], Guarded]] = {
    "guest_ld": guest_ld,
    "guest_st": guest_st,
    "guest_probe": guest_probe,
    "atomic_xchg": _exchange(x.xchg),
    "atomic_add": _exchange(x.lock_xadd),
    "atomic_and": _logical(x.and_),
    "atomic_or": _logical(x.or_),
    "atomic_xor": _logical(x.xor),
    "atomic_smin": _extremum(x.G),
    "atomic_smax": _extremum(x.L),
    "atomic_umin": _extremum(x.A),
    "atomic_umax": _extremum(x.B),
    "atomic_cmpxchg": atomic_cmpxchg,
}
