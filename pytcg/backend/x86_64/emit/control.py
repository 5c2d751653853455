"""Branches, exits and helper calls: the ops whose bytes depend on where they stand in the block."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.emit.memory import MOV_EAX, NUM_MEMORY_THUNKS
from pytcg.backend.x86_64.emit.operands import Operands, constant
from pytcg.backend.x86_64.encode import RAX, RBP, RCX, RDX, RIP, Mem
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST, JUMP_CACHE_ENTRIES
from pytcg.tcg.types import Type, signed64

HEADER = 8
#: exits are chained to blocks that start below this offset in the page. An instruction in the last two bytes may go on
#: in the next page, which may be mapped anew without this one: such a block is found by way of the jump cache.
CHAINED_END = 4096 - 2
PC_REL, EXIT_TB = code("pc_rel", Type.I64), code("exit_tb")


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


#: the call of DEAD and the guest pc
HEADER_LENGTH = len(x.call(Mem(RBP, 1 << 10))) + HEADER
#: what the first two bytes of a dead block are: a jump back over the header and the call before it. No first
#: instruction is shorter, so another vCPU that executes the block meanwhile finds whole instructions.
DEAD_JUMP = x.jmp8(-2 - HEADER_LENGTH)

#: the end of the hot code and the start of the cold code, both relative to the entry
Place = tuple[int, int]

#: struct format of a signed number of so many bytes
_SIGNED = {1: "b", 4: "i", 8: "q"}
_pack_displacement = Struct("<i").pack
_pack_info = Struct("<Hh").pack
_pack_chain = Struct("<6siii").pack
_pack_poll = Struct("<cHh6s").pack
_pack_stub_to = Struct("<3si").pack


class PcSum(NamedTuple):
    """The pc of the block plus a constant of a certain width, and what is done with the sum.

    The code is `pack(load, displacement of the header, add, constant, rest)`.
    """

    pack: Callable[..., bytes]
    load: bytes
    add: bytes
    rest: bytes
    #: from the start: the end of the load, and of all
    loaded: int
    length: int


class Control:
    """What the exits are made of under one mapping of operands, remembered by what does not depend on the place."""

    def __init__(self, m: Operands) -> None:
        self.m = m
        self.compares: dict[Op, bytes] = {}
        self.calls: dict[Op, tuple[bytes, bytes, bytes]] = {}
        self.indirect: dict[tuple[int, int], bytes] = {}
        self.pc_sums: dict[tuple[int, int, int], PcSum] = {}
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

    def compare(self, op: Op) -> bytes:
        """Comparison and opcode of the conditional branch of (code, a, b, imm, cond)."""
        code, a, b, imm, cond = op
        compare, condition = self.m.compare(code & 7, a, b, imm, cond)
        return compare + x.jcc32(condition)

    def call(self, op: Op) -> tuple[bytes, bytes, bytes]:
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

    def pc_sum(self, op: Op, imm: int, width: int, mode: int) -> PcSum:
        """What pc_rel, exit_tb and goto_tb to another page do with pc of the block + `imm`; so for all of its width."""
        code, m = op[0], self.m
        if code == PC_REL:
            target = m.target(op[1])
            rest = m.store(op[1], target)
        else:
            target, rest = RAX, self.lookup if code == EXIT_TB else self.probes[mode]
        load = load_pc(target)
        if width == 8:
            add, rest = x.mov_i64(RCX, imm), x.add(1, target, RCX) + rest
        else:
            add = x.add_imm(1, target, imm)
        add = add[:-width]
        pack = Struct(f"<{len(load)}si{len(add)}s{_SIGNED[width]}{len(rest)}s")
        return PcSum(pack.pack, load, add, rest, len(load) + 4, pack.size)


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
    """Writes one block at a time: hot code upward from the entry, stubs downward from the header.

    The pieces of the cold code are in reverse order. The methods that write an op are given the place where it begins
    and return that of the next one.
    """

    __slots__ = ("cold", "control", "fixups", "hot", "labels", "mode", "page_offset")

    def __init__(self, control: Control) -> None:
        self.control = control
        self.page_offset = self.mode = 0
        self.hot: list[bytes] = []
        self.cold: list[bytes] = []
        self.labels: dict[int, int] = {}
        self.fixups: list[tuple[int, int, int]] = []

    def start(self, page_offset: int, mode: int) -> None:
        """Begin a block, whose first byte lies at `page_offset` in its page, under data MMU mode `mode`."""
        self.page_offset, self.mode = page_offset, mode
        self.hot.clear()
        self.cold.clear()
        self.fixups.clear()

    def finish(self) -> bytes:
        """The displacements of branches to labels, then all bytes but the header's value: cold, header, hot."""
        hot = self.hot
        for index, end, label in self.fixups:
            hot[index] = _pack_displacement(self.labels[label] - end)
        return b"".join((*self.cold[::-1], self.control.header, *hot))

    def _branch(self, opcode: bytes, target: int, position: int) -> int:
        """A branch with a 32-bit displacement to a place that is known."""
        position += len(opcode) + 4
        self.hot += (opcode, _pack_displacement(target - position))
        return position

    def _branch_to_label(self, opcode: bytes, label: int, position: int) -> int:
        position += len(opcode) + 4
        self.fixups.append((len(self.hot) + 1, position, label))
        self.hot += (opcode, b"")
        return position

    def _branch_chained(self, opcode: bytes, delta: int, position: int, low: int) -> Place:
        """A branch to another block in the page, first to a stub that asks for it.

        The displacement must not cross a 16-byte boundary, so that other threads see it change at once, nor lie in the
        two bytes that a dead block's jump is written to.
        """
        field = position + len(opcode)
        across = field & 15
        pad = 16 - across if across > 12 else 0
        if not position and (field == 1 or pad == 1):
            pad = 2
        if pad:
            opcode = x.NOPS[pad] + opcode
            field += pad
        here = low - 12
        low = here - 6
        position = field + 4
        self.cold.append(_pack_chain(self.control.call_chain, delta, -here, field - here))
        self.hot += (opcode, _pack_displacement(low - position))
        return position, low

    def poll_backward(self, insn: int, position: int, low: int) -> Place:
        """Leave before a backward branch if an exit is requested."""
        control = self.control
        self.cold.append(_pack_poll(MOV_EAX, insn << 4, low, control.call_poll))
        low -= 11
        return self._branch(control.poll, low, position), low

    def _stub_to(self, delta: int, rest: bytes, low: int) -> int:
        """A stub that loads the pc of the block + delta and goes on with `rest`; returns where it starts."""
        tail = add_constant(RAX, delta) + rest
        end_of_load = low - len(tail)
        self.cold += (tail, _pack_stub_to(_LOAD_PC, -HEADER - end_of_load))
        return end_of_load - 4 - len(_LOAD_PC)

    def _pc_plus(self, op: Op, imm: int, position: int) -> int:
        """The pc of the block + imm to where `op` wants it."""
        control = self.control
        width = 1 if -128 <= imm < 128 else 4 if -0x80000000 <= imm < 0x80000000 else 8
        key = op[0], op[1] if op[0] == PC_REL else self.mode, width
        pieces = control.pc_sums.get(key)
        if pieces is None:
            pieces = control.pc_sums[key] = control.pc_sum(op, imm, width, self.mode)
        pack, load, add, rest, loaded, length = pieces
        if width == 8:
            imm = signed64(imm)
        self.hot.append(pack(load, -HEADER - loaded - position, add, imm, rest))
        return position + length

    def label(self, op: Op, position: int, low: int) -> Place:
        self.labels[op[1]] = position
        return position, low

    def br(self, op: Op, position: int, low: int) -> Place:
        return self._branch_to_label(x.JMP32, op[1], position), low

    def brcond(self, op: Op, position: int, low: int) -> Place:
        return self._branch_to_label(self._compare(op), op[5], position), low

    def _compare(self, op: Op) -> bytes:
        """Comparison and opcode of a conditional branch."""
        key = op[:5]
        memo = self.control.compares
        compare = memo.get(key)
        if compare is None:
            compare = memo[key] = self.control.compare(key)
        return compare

    def brcond_tb(self, op: Op, position: int, low: int) -> Place:
        delta, insn = op[5], op[6]
        if not 0 <= self.page_offset + delta < CHAINED_END:
            low = self._stub_to(delta, self.control.probes[self.mode], low)
            return self._branch(self._compare(op), low, position), low
        if delta <= insn:
            position, low = self.poll_backward(insn, position, low)
        return self._branch_chained(self._compare(op), delta, position, low)

    def goto_tb(self, op: Op, position: int, low: int) -> Place:
        _, delta, insn = op
        if not 0 <= self.page_offset + delta < CHAINED_END:
            return self._pc_plus(op, delta, position), low
        if delta <= insn:
            position, low = self.poll_backward(insn, position, low)
        return self._branch_chained(x.JMP32, delta, position, low)

    def goto_ptr(self, op: Op, position: int, low: int) -> Place:
        control = self.control
        key = op[1], self.mode
        code = control.indirect.get(key)
        if code is None:
            code = control.indirect[key] = control.goto_ptr(op, self.mode)
        self.hot.append(code)
        return position + len(code), low

    def exit_tb(self, op: Op, position: int, low: int) -> Place:
        return self._pc_plus(op, op[1], position), low

    def pc_rel(self, op: Op, position: int, low: int) -> Place:
        return self._pc_plus(op, op[2], position), low

    def poll(self, op: Op, position: int, low: int) -> Place:
        _, field, delta = op
        low = self._stub_to(delta, self.control.lookup, low)
        return self._branch(x.cmp_imm(1, Mem(RBP, field), 0) + x.jcc32(x.NE), low, position), low

    def call(self, op: Op, position: int, low: int) -> Place:
        key, insn = op[:6], op[6]
        memo = self.control.calls
        pieces = memo.get(key)
        if pieces is None:
            pieces = memo[key] = self.control.call(key)
        head, call, tail = pieces
        end = position + len(head) + 4 + len(call)
        self.hot += (head, _pack_info(insn << 4, end), call, tail)
        return end + len(tail), low


Writer = Callable[[BlockWriter, Op, int, int], Place]

#: writers of the ops of this module
CONTROL: dict[str, Writer] = {
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
