"""The native routine that lists the units of a block and works out how long its host code is."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.backend.x86_64.emit.control import CHAINED_END, HEADER_LENGTH
from pytcg.backend.x86_64.parts import ALWAYS_WRITTEN, LEAD_BASE, Form
from pytcg.exec.blocks.forms import (
    ADDS_SHIFT,
    CLASS,
    CLASSES,
    CONSTANT_SHIFT,
    ENDS,
    FIRST_IMMEDIATE,
    FIRST_MASK,
    FORM_SHIFT,
    IMMEDIATE,
    INFO,
    KIND,
    LEADS,
    LINKS,
    MAX_UNKNOWN,
    PART_COUNT,
    PARTS,
    READS,
    REFUSED,
    SECOND_MASK,
    SLOTS,
    TEMPORARY,
    WRITES,
    find_form,
)
from pytcg.exec.blocks.placing import PAGE, padded
from pytcg.exec.blocks.table import FORMS
from pytcg.frontend.units import MOST_INSNS, Immediate, Units
from pytcg.native import native
from pytcg.native.intrinsics import ld64, signed_lt, st64
from pytcg.tcg.state import Env
from pytcg.tcg.types import MASK64

#: where behind the template of a block the guest bytes are copied and its units listed, 4 words each: record, offset in
#: the block, what its immediate is more than the form's, and the same of the address that a jump computes
GUEST_COPY, LISTED = 1 << 14, (1 << 14) + 512
#: a pc that is linked lies less than this many bytes into the block
NEAR = 120
BITS8, BITS32 = 1 << 7, 1 << 31
NO_FORM = 0xFF
#: of a block, beside TEMPORARY: a global is read that `passes.forward` could replace; it ends in a branch backward
FORWARDED, BACKWARD = 1, 2


@native
def immediate(table: int, word: int) -> int:
    """The immediate of a word, by the table of its class."""
    value = 0
    if table:
        while word:
            value ^= ld64(table + (word & 15) * 8)
            word >>= 4
            table += 128
    return value


@native
def is_far(distance: int) -> int:
    """Whether a signed number needs more than 8 bits, but not more than 32."""
    return 1 if distance + BITS8 >= 2 * BITS8 and distance + BITS32 < 2 * BITS32 else 0


@native
def form_of(kind: int, imm: int, insn: int, offset: int) -> int:
    """The Form of a unit's immediate; NO_FORM where there is none. `offset`: of the block in its page."""
    if kind == Immediate.NONE:
        return Form.NONE
    if kind == Immediate.VALUE:
        if imm == 0:
            return Form.ZERO
        if imm < BITS32:
            return Form.POSITIVE if imm < BITS8 else Form.WIDE
        return Form.NEGATIVE if 0 - imm <= BITS8 else Form.WIDE_NEGATIVE
    distance = insn + imm
    if kind == Immediate.TARGET and offset + distance < CHAINED_END:
        return Form.BACKWARD if signed_lt(imm, 1) else Form.FORWARD
    if is_far(distance):
        return Form.FAR if kind == Immediate.TARGET else Form.DISTANCE
    return NO_FORM


@native
def note_unknown(env: Env, unit: int, words: int, form: int) -> None:
    """Have Python make the host code of a unit."""
    known: int = env.unknown[0]
    if known < MAX_UNKNOWN:
        env.unknown[known * 3 + 1] = unit
        env.unknown[known * 3 + 2] = words
        env.unknown[known * 3 + 3] = form
        env.unknown[0] = known + 1


@native
def padding(position: int, align: int) -> int:
    """Bytes to put in front of a branch: see `BlockWriter._branch_chained`."""
    field = position + align
    across = field & 15
    pad = 16 - across if across > 12 else 0
    if position == 0 and (field == 1 or pad == 1):
        pad = 2
    return pad


@native
def next_part(part: int) -> int:
    """Where the part behind a part lies."""
    head = ld64(part)
    hot = padded(head & 0xFFFF)
    cold = padded(head >> 16 & 0xFFFF)
    return part + 8 + hot + cold + (head >> 32 & 0xFFFF) * 8


@native
def add_lengths(env: Env, part: int, parts: int) -> None:
    """Add the lengths of parts to env.ret (cold) and env.arg[1] (hot)."""
    while parts:
        head = ld64(part)
        position: int = env.arg[1]
        if head >> 48:
            position += padding(position, head >> 48)
        env.arg[1] = position + (head & 0xFFFF)
        env.ret += head >> 16 & 0xFFFF
        part = next_part(part)
        parts -= 1


def make_measure(units: Units) -> Callable[[Env, int, int, int], int]:
    """The routine for a guest's units."""
    fetch, length, word_class, joins = units.fetch, units.length, units.word_class, units.joins

    @native
    def measure(env: Env, template: int, flags: int, offset: int) -> int:
        """List the units of the block whose guest bytes lie behind the template: how many bytes there are.

        0: it cannot be put together. env.ret is the length of its cold code, env.arg[1] of its hot code, env.arg[2] the
        number of its instructions. What is needed for long is kept in the CPU state, as there are few host registers:
        env.arg[0] are the globals that were written, env.arg[3] is where the next unit is listed.
        """
        env.ret = HEADER_LENGTH
        env.arg[0] = ALWAYS_WRITTEN
        env.arg[1] = 0
        env.arg[2] = 0
        env.arg[3] = template + LISTED
        insn = 0
        constant = 0
        seen = 0
        while True:
            if env.arg[2] >= MOST_INSNS or offset + insn + 16 > PAGE:
                return 0
            memory = ld64(env.code_control + FORMS)
            word = fetch(template + GUEST_COPY + insn)
            row = ld64(memory + CLASSES) + word_class(word) * CLASS
            kind = ld64(row + KIND)
            words = word & ld64(row + FIRST_MASK)
            unit = word
            imm = immediate(ld64(row + IMMEDIATE), word) if kind else 0
            end = insn + length(word)
            env.arg[2] += 1
            second = fetch(template + GUEST_COPY + end)
            joined = joins(word, second)
            lead = imm
            if joined:
                kind = joined
                row = ld64(memory + CLASSES) + word_class(second) * CLASS
                words |= (second & ld64(row + SECOND_MASK)) << 32
                unit |= second << 32
                imm += immediate(ld64(row + IMMEDIATE), second)
                if kind == Immediate.TARGET:
                    imm &= MASK64 - 1
                end += length(second)
                env.arg[2] += 1
            form = form_of(kind, imm, insn, offset)
            if form == NO_FORM:
                return 0
            form = flags | form << FORM_SHIFT
            record = find_form(ld64(memory + SLOTS), words, form)
            if record == 0:
                note_unknown(env, unit, words, form)
                if kind == Immediate.TARGET:
                    return 0
            else:
                info = ld64(record + INFO)
                added = info >> ADDS_SHIFT
                if (
                    info & REFUSED
                    or (info & LINKS and insn + 8 > NEAR)
                    or (info & LEADS and is_far(lead + insn) == 0)
                    or (added != 0 and added == constant)
                ):
                    return 0
                constant = info >> CONSTANT_SHIFT & 0xFF
                if env.arg[0] & ld64(record + READS):
                    seen |= FORWARDED
                if kind == Immediate.TARGET and signed_lt(imm, 1):
                    seen |= BACKWARD
                seen |= info & TEMPORARY
                env.arg[0] |= ld64(record + WRITES)
                listed: int = env.arg[3]
                st64(listed, record)
                st64(listed + 8, insn)
                st64(listed + 16, imm - ld64(record + FIRST_IMMEDIATE))
                st64(listed + 24, lead - LEAD_BASE)
                env.arg[3] = listed + 32
                add_lengths(env, record + PARTS, info & PART_COUNT)
                if info & ENDS:
                    break
            insn = end
        if env.unknown[0] or seen == FORWARDED | BACKWARD:
            return 0
        st64(env.arg[3], 0)
        return end

    return measure
