"""Branches, exits and helper calls: the ops whose bytes depend on where they stand in the block."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from struct import Struct

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.memory import MOV_EAX, NUM_MEMORY_THUNKS
from pytcg.backend.x86_64.emit.operands import Operands, constant
from pytcg.backend.x86_64.encode import RAX, RBP, RCX, RDX, RIP, Mem
from pytcg.tcg.ops import Op
from pytcg.tcg.state import CONST, JUMP_CACHE_ENTRIES
from pytcg.tcg.types import signed64

HEADER = 8
#: exits are chained to blocks that start below this offset in the page. An instruction in the last two bytes may go on in
#: the next page, which may be mapped anew without this one: such a block is found by way of the jump cache.
CHAINED_END = 4096 - 2


class Thunk(IntEnum):
    """Indices into env.thunks of the routines other than those of guest memory."""

    #: called by an exit without a target; the three words of its stub follow the call
    CHAIN = NUM_MEMORY_THUNKS
    #: jumped to with a guest pc in rax
    LOOKUP = NUM_MEMORY_THUNKS + 1
    #: called with info in eax when env.irq is set before a backward branch
    POLL = NUM_MEMORY_THUNKS + 2
    #: called with info in eax and the helper's number in ecx
    HELPER = NUM_MEMORY_THUNKS + 3
    #: called in front of the header, where the entry of a dead block jumps to; the return address is that of the header
    DEAD = NUM_MEMORY_THUNKS + 4


#: what the first two bytes of a dead block are: a jump back over the header and the call before it. No first instruction
#: is shorter, so another vCPU that executes the block meanwhile finds whole instructions.
DEAD_JUMP = x.jmp8(-2 - HEADER - len(x.call(Mem(RBP, 1 << 10))))

_pack_displacement = Struct("<i").pack
_pack_info = Struct("<Hh").pack
_pack_chain = Struct("<iii").pack


class Control:
    """What the exits are made of under one mapping of operands, remembered by what does not depend on the place."""

    def __init__(self, m: Operands) -> None:
        self.m = m
        self.memo: dict[Op, tuple[bytes, ...]] = {}
        self.no_irq = x.cmp_imm(0, m.field("irq"), 0)
        self.poll = self.no_irq + x.jcc32(x.NE)
        self.call_poll = x.call(m.field("thunks", Thunk.POLL))
        self.call_chain = x.call(m.field("thunks", Thunk.CHAIN))
        self.call_helper = x.call(m.field("thunks", Thunk.HELPER))
        self.lookup = x.jmp(m.field("thunks", Thunk.LOOKUP))
        self.header = x.call(m.field("thunks", Thunk.DEAD)) + bytes(HEADER)
        self.probes = tuple(self._probe(mode) for mode in range(4))

    def _probe(self, mode: int) -> bytes:
        """Go to the block whose guest pc is in rax by way of the jump cache of a mode."""
        cache = self.m.layout.jump_cache(mode)
        index = x.mov(0, RDX, RAX) + x.shl(0, RDX, 3) + x.and_imm(0, RDX, 16 * (JUMP_CACHE_ENTRIES - 1))
        go = x.jmp(Mem(RBP, cache + 8, RDX))
        find = index + x.cmp(1, RAX, Mem(RBP, cache, RDX)) + x.jcc8(x.NE, len(go)) + go
        return self.no_irq + x.jcc8(x.NE, len(find)) + find + self.lookup

    def goto_ptr(self, op: Op, mode: int) -> bytes:
        return self.m.load(1, RAX, op[1]) + self.probes[mode]

    def compare(self, op: Op) -> tuple[bytes, ...]:
        """Comparison and opcode of the conditional branch of (code, a, b, imm, cond)."""
        code, a, b, imm, cond = op
        compare, condition = self.m.compare(code & 7, a, b, imm, cond)
        return (compare + x.jcc32(condition),)

    def call(self, op: Op) -> tuple[bytes, ...]:
        """A helper call, without its `insn`: up to info, up to the return address, and after it."""
        _, d, a, b, c, helper = op
        m = self.m
        head = b""
        for index, operand in enumerate((a, b, c)):
            if operand != CONST:
                register = m.reg(operand)
                head += m.load(1, RAX, operand) if register is None else b""
                head += x.mov_store(1, m.field("arg", index), RAX if register is None else register)
        tail = b""
        if d != CONST:
            target = m.target(d)
            tail = x.mov(1, target, m.field("ret")) + m.store(d, target)
        return head + MOV_EAX, x.mov_u32(RCX, helper) + self.call_helper, tail

    def pc_rel(self, op: Op) -> tuple[bytes, ...]:
        """Load of the header up to its displacement, and the addition of the constant."""
        _, d, imm = op
        m = self.m
        target = m.target(d)
        return load_pc(target), add_constant(target, imm) + m.store(d, target)


def load_pc(register: int) -> bytes:
    """Load of the block's guest pc from its header, but for the 32-bit displacement that ends it."""
    return x.mov(1, register, Mem(RIP))[:-4]


def add_constant(register: int, value: int) -> bytes:
    """Add a constant to a register, through rcx if it is no immediate."""
    value = signed64(value)
    if x.fits(value, 32):
        return x.add_imm(1, register, value) if value else b""
    return constant(RCX, value) + x.add(1, register, RCX)


_LOAD_PC = load_pc(RAX)


class BlockWriter:
    """One block being written: hot code upward from the entry, stubs downward from the header.

    `position` is the end of the hot code, `low` the start of the cold code, both relative to the entry. The pieces of
    the cold code are in reverse order.
    """

    __slots__ = ("cold", "control", "fixups", "hot", "labels", "low", "mode", "page_offset", "position")

    def __init__(self, control: Control, page_offset: int, mode: int) -> None:
        self.control = control
        self.page_offset = page_offset
        self.mode = mode
        self.hot: list[bytes] = []
        self.cold: list[bytes] = []
        self.position = 0
        self.low = -len(control.header)
        self.labels: dict[int, int] = {}
        self.fixups: list[tuple[int, int, int]] = []

    def finish(self) -> bytes:
        """The displacements of branches to labels, then all bytes but the header's value: cold, header, hot."""
        hot, cold = self.hot, self.cold
        for index, end, label in self.fixups:
            hot[index] = _pack_displacement(self.labels[label] - end)
        cold.reverse()
        return b"".join((*cold, self.control.header, *hot))

    def _branch(self, opcode: bytes, target: int) -> None:
        """A branch with a 32-bit displacement to a place that is known."""
        self.position += len(opcode) + 4
        self.hot += (opcode, _pack_displacement(target - self.position))

    def _branch_to_label(self, opcode: bytes, label: int) -> None:
        self.position += len(opcode) + 4
        self.fixups.append((len(self.hot) + 1, self.position, label))
        self.hot += (opcode, b"")

    def _branch_chained(self, opcode: bytes, delta: int) -> None:
        """A branch to another block in the page, first to a stub that asks for it.

        The displacement must not cross a 16-byte boundary, so that other threads see it change at once, nor lie in the
        two bytes that a dead block's jump is written to.
        """
        field = self.position + len(opcode)
        across = field & 15
        pad = 16 - across if across > 12 else 0
        if not self.position and (field == 1 or pad == 1):
            pad = 2
        if pad:
            self.hot.append(x.NOPS[pad])
            field += pad
        here = self.low - 12
        call = self.control.call_chain
        self.cold += (_pack_chain(delta, -here, field - here), call)
        self.low = low = here - len(call)
        self.position = position = field + 4
        self.hot += (opcode, _pack_displacement(low - position))

    def _poll(self, insn: int) -> None:
        """Leave before a backward branch if an exit is requested."""
        call = self.control.call_poll
        end = self.low
        self.low = end - 5 - len(call)
        self.cold += (call, _pack_info(insn << 4, end), MOV_EAX)
        self._branch(self.control.poll, self.low)

    def _stub_to(self, delta: int, rest: bytes) -> None:
        """A stub that loads the pc of the block + delta and goes on with `rest`; it then starts at `low`."""
        tail = add_constant(RAX, delta) + rest
        end_of_load = self.low - len(tail)
        self.cold += (tail, _pack_displacement(-HEADER - end_of_load), _LOAD_PC)
        self.low = end_of_load - 4 - len(_LOAD_PC)

    def _with_pc(self, load: bytes, rest: bytes) -> None:
        """A load of the header, then `rest`."""
        end_of_load = self.position + len(load) + 4
        self.hot += (load, _pack_displacement(-HEADER - end_of_load), rest)
        self.position = end_of_load + len(rest)

    def label(self, op: Op) -> None:
        self.labels[op[1]] = self.position

    def br(self, op: Op) -> None:
        self._branch_to_label(x.JMP32, op[1])

    def brcond(self, op: Op) -> None:
        self._branch_to_label(self._compare(op), op[5])

    def _compare(self, op: Op) -> bytes:
        """Comparison and opcode of a conditional branch."""
        key = op[:5]
        memo = self.control.memo
        pieces = memo.get(key)
        if pieces is None:
            pieces = memo[key] = self.control.compare(key)
        return pieces[0]

    def brcond_tb(self, op: Op) -> None:
        delta, insn = op[5], op[6]
        if not 0 <= self.page_offset + delta < CHAINED_END:
            self._stub_to(delta, self.control.probes[self.mode])
            self._branch(self._compare(op), self.low)
            return
        if delta <= insn:
            self._poll(insn)
        self._branch_chained(self._compare(op), delta)

    def goto_tb(self, op: Op) -> None:
        _, delta, insn = op
        if not 0 <= self.page_offset + delta < CHAINED_END:
            self._with_pc(_LOAD_PC, add_constant(RAX, delta) + self.control.probes[self.mode])
            return
        if delta <= insn:
            self._poll(insn)
        self._branch_chained(x.JMP32, delta)

    def goto_ptr(self, op: Op) -> None:
        memo = self.control.memo
        key = (*op, self.mode)
        pieces = memo.get(key)
        if pieces is None:
            pieces = memo[key] = (self.control.goto_ptr(op, self.mode),)
        self.hot.append(pieces[0])
        self.position += len(pieces[0])

    def exit_tb(self, op: Op) -> None:
        self._with_pc(_LOAD_PC, add_constant(RAX, op[1]) + self.control.lookup)

    def poll(self, op: Op) -> None:
        _, field, delta = op
        self._stub_to(delta, self.control.lookup)
        self._branch(x.cmp_imm(1, Mem(RBP, field), 0) + x.jcc32(x.NE), self.low)

    def pc_rel(self, op: Op) -> None:
        memo = self.control.memo
        pieces = memo.get(op)
        if pieces is None:
            pieces = memo[op] = self.control.pc_rel(op)
        self._with_pc(*pieces)

    def call(self, op: Op) -> None:
        key, insn = op[:6], op[6]
        memo = self.control.memo
        pieces = memo.get(key)
        if pieces is None:
            pieces = memo[key] = self.control.call(key)
        head, call, tail = pieces
        end = self.position + len(head) + 4 + len(call)
        self.hot += (head, _pack_info(insn << 4, end), call, tail)
        self.position = end + len(tail)


#: writers of the ops of this module
CONTROL: dict[str, Callable[[BlockWriter, Op], None]] = {
    "label": BlockWriter.label,
    "br": BlockWriter.br,
    "brcond": BlockWriter.brcond,
    "brcond_tb": BlockWriter.brcond_tb,
    "goto_tb": BlockWriter.goto_tb,
    "goto_ptr": BlockWriter.goto_ptr,
    "exit_tb": BlockWriter.exit_tb,
    "poll": BlockWriter.poll,
    "pc_rel": BlockWriter.pc_rel,
    "call": BlockWriter.call,
}
