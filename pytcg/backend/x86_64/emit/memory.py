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
from pytcg.tcg.state import ADDEND, FIRST_ADDRESS, LIMIT, READ, WORD, WRITE
from pytcg.tcg.types import MO_32, MO_64, MO_ALIGN, MO_MODE, MO_MODE_SHIFT, MO_SIZE

MOV_EAX = x.mov_u32(RAX, 0)[:1]
#: brings the low bits of an address to the top
ALIGNMENT_SHIFT = 61

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


class Access(NamedTuple):
    """A plain load or store but for its displacement and its `insn`.

    The hot code is `pack(address, off, check, displacement of the branch, use, off, rest)`, the stub
    `pack_stub(head, off, mov eax, low half of info, return address, call, displacement of the last jump)`. Both lack
    `off` if it is 0.
    """

    pack: Callable[..., bytes]
    address: bytes
    check: bytes
    use: bytes
    rest: bytes
    #: from the start of the hot code: its branch's end, where the stub returns to, and its own end
    branch: int
    resume: int
    length: int
    pack_stub: Callable[..., bytes]
    head: bytes
    #: the register bits of info
    info: int
    call: bytes
    #: the stub's length, and the distance of the call's return address from its end
    stub_length: int
    returns: int

    @property
    def layout(self) -> tuple[int, ...]:
        """The lengths that decide where in the code a field lies."""
        return len(self.address), len(self.check), len(self.use), len(self.rest), len(self.head), self.length


class Guarded(NamedTuple):
    """Precomputed pieces of any other guarded op."""

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
    #: the stub from the call on, and the packer of (stub up to info, low half of info, return address, call,
    #: displacement of the last jump)
    call: bytes
    pack: Callable[..., bytes]


def guarded(
    m: Operands, segments: tuple[bytes, ...], resume: int, info: int, head: bytes, thunk: int, tail: bytes
) -> Guarded:
    """The pieces of a guarded op: `head` and `tail` of its stub go before and after the call of the thunk."""
    head += MOV_EAX
    after = tail + x.JMP32
    call = x.call(m.field("thunks", thunk)) + after
    pack = _packer(f"<{len(head)}sHh{len(call)}si")
    return Guarded(segments, resume, info, head, len(head) + len(call) + 8, len(after) + 4, call, pack)


@cache
def _packer(form: str) -> Callable[..., bytes]:
    """Packer of a struct format. A few hundred serve all code."""
    return Struct(form).pack


def _address(m: Operands, base: int, off: int) -> tuple[bytes, bytes, Mem]:
    """Bring base + off into rdx; later bring the base into the addend in rcx where that is needed; what to access then.

    Each part that has the displacement ends in it.
    """
    register = m.reg(base)
    if register is None:
        load = x.mov(1, RDX, m.at[base])
        return (load + x.add_imm(1, RDX, off) if off else load), x.add(1, RCX, m.at[base]), Mem(RCX, off)
    return (x.lea(1, RDX, Mem(register, off)) if off else x.mov(1, RDX, register)), b"", Mem(register, off, RCX)


@cache
def _check(m: Operands, base: int, kind: int) -> tuple[bytes, bytes]:
    """Whether the slot of `base` serves the address in rdx, up to the branch to the stub; load the slot's addend."""
    slot = m.layout.slot((kind & MO_MODE) >> MO_MODE_SHIFT, kind >> KIND_ACCESS_SHIFT & 1, base)
    first, limit, addend = (Mem(x.RBP, slot + WORD * word) for word in (FIRST_ADDRESS, LIMIT, ADDEND))
    within = x.sub(1, RDX, first)
    if kind & MO_ALIGN:
        # Bits of an address that is not aligned are made ones that no limit has.
        low = x.mov(0, RCX, RDX) + x.and_imm(0, RCX, (1 << (kind & MO_SIZE)) - 1) + x.shl(1, RCX, ALIGNMENT_SHIFT)
        within = low + within + x.or_(1, RDX, RCX)
    return within + x.cmp(1, RDX, limit) + x.jcc32(x.AE), x.mov(1, RCX, addend)


def _guarded_access(
    m: Operands, base: int, off: int, kind: int, head: bytes, access: Callable[[Mem], bytes]
) -> Guarded:
    """Check the slot of `base`, then access memory with the addend in rcx: `access` is given the operand to use."""
    address, adjust, memory = _address(m, base, off)
    check, addend = _check(m, base, kind)
    segments = (address + check, addend + adjust + access(memory))
    resume = len(segments[0]) + 4 + len(addend)
    return guarded(m, segments, resume, base & 31, head + address, memory_thunk(kind), b"")


def _kind(mop: int, access: int, more: int = 0) -> int:
    """mem_kind of an access; the sign is not part of it."""
    return mop & (MO_SIZE | MO_MODE | MO_ALIGN) | access << KIND_ACCESS_SHIFT | more


Transfer = tuple[bytes, bytes, bytes]


def _load(m: Operands, d: int, memory: Mem, mop: int) -> Transfer:
    """Nothing, the instruction that loads, and what follows it."""
    target = m.reg(d)
    if target is None:
        return b"", load_memory(RDX, memory, mop), m.store(d, RDX)
    return b"", load_memory(target, memory, mop), b""


def _store(m: Operands, a: int, memory: Mem, mop: int) -> Transfer:
    """What comes before the instruction that stores, the instruction, and what follows its displacement."""
    if a == 0:
        store, imm = store_zero(memory, mop), min(1 << (mop & MO_SIZE), 4)
        return b"", store[:-imm], store[-imm:]
    register = m.reg(a)
    if register is None:
        return m.load(1, RDX, a), store_memory(memory, RDX, mop), b""
    return b"", store_memory(memory, register, mop), b""


def _access(m: Operands, op: Op, access: int, transfer: Callable[[Operands, int, Mem, int], Transfer]) -> Access:
    """The template of `op`, which serves all displacements of the same width."""
    _, value, base, off, mop, _ = op
    kind = _kind(mop, access)
    address, adjust, memory = _address(m, base, off)
    check, addend = _check(m, base, kind)
    before, instruction, rest = transfer(m, value, memory, mop)
    use = addend + adjust + before + instruction
    head = (_keep_value(m, value) if access == WRITE else b"") + address
    call = _call_and_return(m, kind)
    branch = len(address) + len(check) + 4
    stub_length = len(head) + 1 + 4 + len(call) + 4
    width, letter = (0, "") if not off else (1, "b") if x.fits(off, 8) else (4, "i")
    address, use, head = address[: len(address) - width], use[: len(use) - width], head[: len(head) - width]
    return Access(
        _packer(f"<{len(address)}s{letter}{len(check)}si{len(use)}s{letter}{len(rest)}s"),
        address,
        check,
        use,
        rest,
        branch,
        branch + len(addend),
        branch + len(use) + width + len(rest),
        _packer(f"<{len(head)}s{letter}cHh{len(call)}si"),
        head,
        base & 31,
        call,
        stub_length,
        len(x.JMP32) + 4,
    )


@cache
def _call_and_return(m: Operands, kind: int) -> bytes:
    """Call of the thunk, and the jump back without its displacement."""
    return x.call(m.field("thunks", memory_thunk(kind))) + x.JMP32


def guest_ld(m: Operands, op: Op) -> Access:
    return _access(m, op, READ, _load)


def guest_st(m: Operands, op: Op) -> Access:
    return _access(m, op, WRITE, _store)


def _keep_value(m: Operands, operand: int) -> bytes:
    """Put the value to be stored where the runtime's caller finds it. rax and rcx are free in a stub."""
    register, slot = m.reg(operand), m.field("mem_value")
    return m.load(1, RAX, operand) + x.mov_store(1, slot, RAX) if register is None else x.mov_store(1, slot, register)


def guest_probe(m: Operands, op: Op) -> Guarded:
    _, a, off, mop, access = op
    probe = _guarded_access(m, a, off, _kind(mop, access, KIND_PROBE), b"", lambda memory: b"")
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
        return _guarded_access(m, a, 0, kind, _keep_value(m, b), access)

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


#: makers of the templates of loads and stores
ACCESSES: dict[str, Callable[[Operands, Op], Access]] = {"guest_ld": guest_ld, "guest_st": guest_st}
#: emitters of the other ops that access guest memory; they are given the op without its `insn`
MEMORY: dict[str, Callable[[Operands, Op], Guarded]] = {
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
