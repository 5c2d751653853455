"""Host code of one guest instruction, or of two that are fused, that can stand anywhere in a block.

What is emitted for an op is an affine function of where it stands: of the positions of its hot and cold code, of the
offset of its guest instruction in the block, and of immediates. So no emitter says what is to be changed when its bytes
are moved: they are emitted at one place, and once more with each of these moved, and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from pytcg.backend.x86_64.backend import ACCESS, KIND, SIMPLE, X86Backend
from pytcg.backend.x86_64.emit.control import CHAINED_END
from pytcg.tcg.ops import FLOAT as FLOAT_TYPES
from pytcg.tcg.ops import OPS, Op, code
from pytcg.tcg.passes.forward import OUTPUTS, PLACES
from pytcg.tcg.passes.optimise import ADDITIONS, CONSTANTS, worth_it
from pytcg.tcg.regalloc import allocate
from pytcg.tcg.types import Type


class Form(IntEnum):
    """What the immediate of host code is, and how wide."""

    NONE = 0
    #: a number or displacement: 0; 1 to 127; -128 to -1; a greater and a smaller one of 32 bits
    ZERO = 1
    POSITIVE = 2
    NEGATIVE = 3
    WIDE = 4
    WIDE_NEGATIVE = 5
    #: where a branch goes: further on in the page; to itself or back in the page; to another page, 32 bits
    FORWARD = 6
    BACKWARD = 7
    FAR = 8
    #: of 32 bits, to be added to the guest pc
    DISTANCE = 9


#: for each form an immediate of that form; parts have it built in, and can be given one that is not less, or, in fields
#: of 32 bits, any
BASE = (0, 0, 1, -128, 0x10000, -0x10000, 256, -256, 0x10000, 0x10000)
#: where the cold code of a part is emitted, relative to the entry
LOW = -256
#: what is moved, and by how much: hot code, cold code (these keep alignment), offset of the instruction, the immediate,
#: and for a jump to a fixed distance from an address that is computed, too, the distance of that address
STEPS = (16, -16, 2, 2, 2)
POSITION, COLD, INSN, IMMEDIATE, LEAD = range(len(STEPS))
Move = tuple[int, ...]
NOWHERE: Move = (0,) * len(STEPS)
MOVES = tuple((*NOWHERE[:axis], step, *NOWHERE[axis + 1 :]) for axis, step in enumerate(STEPS))
#: in a word of `Fixups`
COLD_FIXUP = 1 << 31
#: the distance of the address of a jump that is built in
LEAD_BASE = 0x10000
GOTO_PTR, GOTO_TB = code("goto_ptr"), code("goto_tb")
BRCOND_TB, PC_REL = code("brcond_tb", Type.I64), code("pc_rel", Type.I64)
PC_PLUS = frozenset((PC_REL, code("exit_tb")))
EXITS = frozenset((GOTO_TB >> 3, BRCOND_TB >> 3))
#: ops that may depend on what stands before them in the block, or that branch within it
_IN_CONTEXT = frozenset(("ld", "st", "call", "label", "br", "brcond", "poll"))
_REFUSED = frozenset(row.number for row in OPS if row.name in _IN_CONTEXT or row.types is FLOAT_TYPES)
#: the page offset of the block for which parts are emitted: exits of a few hundred bytes stay in the page
PAGE_OFFSET = 2048
#: for each op its fields that are relative to the block
_RELATIVE = tuple(
    (2,) if row.name == "pc_rel" else tuple(n for n, field in enumerate(row.fields, 1) if field in ("insn", "delta"))
    for row in OPS
)


class Fixup(NamedTuple):
    """32 bits to which is added the sum of the products of factors with what the part is moved by, see `STEPS`."""

    cold: bool
    #: from where the part's hot or cold code starts
    offset: int
    factors: tuple[int, ...]


class Fixups(NamedTuple):
    """The fix-ups of a part, and a 64-bit word for each: the offset, bit 31 if it is in the cold code, and in the upper
    half the number of the row of factors."""

    each: tuple[Fixup, ...]
    words: bytes


NO_FIXUPS = Fixups((), b"")


class Part(NamedTuple):
    """Host code of an op, as if its hot code stood at the entry and its cold code ended at LOW."""

    hot: bytes
    cold: bytes
    #: offset in the hot code of a displacement that other threads may patch, so that it must not cross a 16-byte
    #: boundary; 0 if there is none
    align: int
    fixups: Fixups


class UnitCode(NamedTuple):
    """Host code of a guest instruction, or of two that are fused."""

    parts: list[Part]
    #: no other can follow
    ends: bool
    #: globals without a host register, as bits: written, and read where `passes.forward` could replace them
    writes: int
    reads: int
    #: the register of temporaries is used
    temporary: bool
    #: a pc near that of the block is computed: its distance is taken to have 8 bits
    links: bool
    #: the distance of the address that a jump computes is in a field of 32 bits
    leads: bool
    #: the global that is made a constant last, and the one that is added to, or jumped to, first; 0: none. If they are
    #: the same, the translator has better code for both units
    constant: int
    adds: int


#: the bit of x0 among the globals that a block has written so far: always set
ALWAYS_WRITTEN = 1


#: a field of an op, and the axis along which it moves
Variable = tuple[int, int]


def _immediate(form: Form, ops: list[Op]) -> tuple[int, Variable] | None:
    """Index of the op that holds the immediate, and its field."""
    jumps = Form.FORWARD <= form <= Form.FAR
    for index, op in enumerate(ops):
        if jumps or (form == Form.DISTANCE) == (op[0] == PC_REL):
            for at, name in enumerate(OPS[op[0] >> 3].fields, 1):
                if name == "delta" if jumps else name in ("off", "imm"):
                    return index, (at, IMMEDIATE)
    return None


#: hot and cold code of an op that was moved
Writer = Callable[[Move], tuple[bytes, bytes]]


class UnitMaker:
    """Makes the host code of units for a backend. What is measured of code of a certain layout is remembered."""

    def __init__(self, backend: X86Backend) -> None:
        self.backend = backend
        self.mode = 0
        #: numbers of the rows of factors that fix-ups have
        self.rows: dict[tuple[int, ...], int] = {}
        self._fixups: dict[tuple[int, ...], Fixups] = {}
        self._parts: dict[tuple[int, Op, Variable | None], list[Part]] = {}

    def make(self, ops: list[Op], temps: int, form: Form, lead: int | None, mode: int) -> UnitCode | None:
        """Host code of the ops of a unit; None where blocks with it have to be translated as a whole.

        `ops` before allocation, of a unit at the start of its block; `lead`: the distance of the address that a jump in
        two instructions computes, else None; `mode`: data MMU mode.
        """
        jumps = Form.FORWARD <= form <= Form.FAR
        for op in ops:
            if op[0] >> 3 in _REFUSED or (op[0] >> 3 in EXITS and not jumps):
                return None
        if len(ops) > 1 and worth_it(ops):
            return None
        constant = ops[-1][1] if ops and ops[-1][0] in CONSTANTS else 0
        adds = 0
        if ops and (ops[-1][0] == GOTO_PTR or (ops[0][0] in ADDITIONS and ops[0][1] == ops[0][2])):
            adds = ops[0][2]
        if temps:
            ops = list(allocate(ops, temps, self.backend.temp_pool))
        variables: dict[int, Variable] = {}
        if ops and form > Form.ZERO:
            found = _immediate(form, ops)
            if not found:
                return None
            variables = dict((found,))
            if ops[0][0] == PC_REL and ops[0][2] == lead:
                variables[0] = 2, LEAD
            for index, (field, axis) in variables.items():
                base = LEAD_BASE if axis == LEAD else BASE[form]
                ops[index] = (*ops[index][:field], base, *ops[index][field + 1 :])
        self.mode = mode
        parts: list[Part] = []
        writes = reads = 0
        cold = self.backend.cold_registers
        for index, op in enumerate(ops):
            parts += self.parts(op, variables.get(index))
            number = op[0] >> 3
            for at in PLACES[number]:
                if op[at] in cold:
                    # what the unit itself has written is read whatever comes before it
                    reads |= 1 << op[at] | writes >> op[at] & ALWAYS_WRITTEN
            if OUTPUTS[number] and op[OUTPUTS[number]] in cold:
                writes |= 1 << op[OUTPUTS[number]]
        ends = bool(ops) and OPS[ops[-1][0] >> 3].ends_block
        leads = any(axis == LEAD for _, axis in variables.values())
        links = any(op[0] in PC_PLUS and index not in variables for index, op in enumerate(ops))
        return UnitCode(parts, ends, writes, reads, temps > 0, links, leads, constant, adds)

    def parts(self, op: Op, variable: Variable | None) -> list[Part]:
        """The parts of an op."""
        kind = KIND[op[0]]
        if kind == SIMPLE:
            hot, cold = self.emit(op, 0, LOW)
            if not variable:
                return [Part(hot, cold, 0, NO_FIXUPS)]
            numbers = self.measure(hot, cold, lambda move: self.moved(op, move, variable), (IMMEDIATE,))
            return [Part(hot, cold, 0, numbers)]
        if kind == ACCESS:
            hot, cold = self.moved(op, NOWHERE, variable)
            layout = self.backend.access(op).layout
            fixups = self._fixups.get(layout)
            if fixups is None:
                fixups = self._fixups[layout] = self.measure(hot, cold, lambda move: self.moved(op, move, variable))
            return [Part(hot, cold, 0, fixups)]
        key = self.mode, op, variable
        parts = self._parts.get(key)
        if parts is None:
            parts = self._parts[key] = []
            if op[0] >> 3 not in EXITS or not 0 <= PAGE_OFFSET + op[-2] < CHAINED_END:
                parts.append(self.measured(lambda move: self.moved(op, move, variable)))
            else:
                if op[-2] <= op[-1]:
                    parts.append(self.measured(self.poll))
                parts.append(self.chained(op, variable))
        return parts

    def emit(self, op: Op, position: int, low: int) -> tuple[bytes, bytes]:
        """Hot and cold code of an op at a place."""
        writer = self.backend.writer
        writer.start(PAGE_OFFSET, self.mode)
        self.backend.write(writer, (op,), position, low)
        return b"".join(writer.hot), b"".join(writer.cold[::-1])

    def moved(self, op: Op, move: Move, variable: Variable | None) -> tuple[bytes, bytes]:
        """Hot and cold code of an op that is moved."""
        return self.emit(_moved(op, move, variable), move[POSITION], LOW + move[COLD])

    def poll(self, move: Move) -> tuple[bytes, bytes]:
        """What comes before a branch backward."""
        writer = self.backend.writer
        writer.start(PAGE_OFFSET, self.mode)
        writer.poll_backward(move[INSN], move[POSITION], LOW + move[COLD])
        return b"".join(writer.hot), b"".join(writer.cold)

    def chained(self, op: Op, variable: Variable | None) -> Part:
        """The branch of an exit, without a poll, and where no padding is needed."""

        def emit(start: int, move: Move) -> tuple[bytes, bytes]:
            *rest, delta, _ = _moved(op, move, variable)
            return self.emit((*rest, delta, delta - 1), start + move[POSITION], LOW + move[COLD])

        start = min((16, 20), key=lambda position: len(emit(position, NOWHERE)[0]))
        hot, cold = emit(start, NOWHERE)
        layout = op[0], len(hot), variable is not None
        fixups = self._fixups.get(layout)
        if fixups is None:
            fixups = self._fixups[layout] = self.measure(hot, cold, lambda move: emit(start, move))
        for fixup in fixups.each:
            if factor := fixup.factors[POSITION]:
                changed = bytearray(cold if fixup.cold else hot)
                _add(changed, fixup.offset, -factor * start)
                hot, cold = (hot, bytes(changed)) if fixup.cold else (bytes(changed), cold)
        return Part(hot, cold, len(hot) - 4, fixups)

    def measured(self, emit: Writer) -> Part:
        """The part that an affine function of the axes of STEPS emits."""
        hot, cold = emit(NOWHERE)
        return Part(hot, cold, 0, self.measure(hot, cold, emit))

    def measure(self, hot: bytes, cold: bytes, emit: Writer, axes: Iterable[int] = range(len(STEPS))) -> Fixups:
        """What changes where when code is moved along some axes."""
        factors: dict[tuple[bool, int], list[int]] = {}
        for axis in axes:
            moved = emit(MOVES[axis])
            for is_cold, one, other in ((False, hot, moved[0]), (True, cold, moved[1])):
                for at, difference in _differences(one, other):
                    factors.setdefault((is_cold, at), [0] * len(STEPS))[axis] = difference // STEPS[axis]
        fixups = tuple(Fixup(is_cold, at, tuple(each)) for (is_cold, at), each in factors.items())
        words = (
            fixup.offset | (COLD_FIXUP if fixup.cold else 0) | self.rows.setdefault(fixup.factors, len(self.rows)) << 32
            for fixup in fixups
        )
        return Fixups(fixups, b"".join(word.to_bytes(8, "little") for word in words))


def _moved(op: Op, move: Move, variable: Variable | None) -> Op:
    """The op of an instruction that stands further on in its block, and with more as its immediate."""
    fields = list(op)
    for at in _RELATIVE[op[0] >> 3]:
        fields[at] += move[INSN]
    if variable:
        fields[variable[0]] += move[variable[1]]
    return tuple(fields)


def _add(code: bytearray, at: int, value: int) -> None:
    """Add to a field of 32 bits, or of those that are left."""
    field = code[at : at + 4]
    total = int.from_bytes(field, "little") + value & (1 << 8 * len(field)) - 1
    code[at : at + 4] = total.to_bytes(len(field), "little")


def _differences(one: bytes, other: bytes) -> Iterator[tuple[int, int]]:
    """Where 32-bit fields of two pieces of code differ, and by how much; their low bytes are never the same."""
    if len(one) != len(other):
        raise ValueError("code that is moved has another length")
    at = 0
    while one[at:] != other[at:]:
        if one[at] == other[at]:
            at += 1
            continue
        first, second = (int.from_bytes(code[at : at + 4], "little") for code in (one, other))
        yield at, (second - first + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        at += 4
