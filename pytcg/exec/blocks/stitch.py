"""The native routine that puts a block together from host code of its instructions, where all of it is known.

It does what `Translator.translate` does, to the byte; what it cannot do it leaves: a block with an instruction whose
host code depends on others, one that is worth optimising, one that goes on to the end of its page.
"""

from __future__ import annotations

from collections.abc import Callable

from pytcg.backend.x86_64.emit.control import CHAINED_END, HEADER_LENGTH
from pytcg.backend.x86_64.encode import NOPS
from pytcg.backend.x86_64.parts import COLD_FIXUP, LEAD_BASE, LOW, Form
from pytcg.exec.blocks.forms import (
    ADDS_SHIFT,
    CLASS,
    CLASSES,
    CONSTANT_SHIFT,
    ENDS,
    FIRST_IMMEDIATE,
    FIRST_MASK,
    FORM_SHIFT,
    HEADER_CODE,
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
    ROW,
    ROWS,
    SECOND_MASK,
    SLOTS,
    TEMPORARY,
    WRITES,
    find_form,
)
from pytcg.exec.blocks.placing import HEADER, PAGE, PAGE_SHIFT, count, lock, padded, remember, unlock
from pytcg.exec.blocks.table import (
    CONTENTS_LIMIT,
    FORMS,
    STITCHED,
    STITCHED_BLOCKS,
    STITCHED_BYTES,
    STITCHED_END,
    STITCHED_INSNS,
    TEMPLATES,
)
from pytcg.exec.blocks.templates import CODE_ENTRY, CODE_LENGTH, GUEST, GUEST_INSNS, GUEST_LENGTH, KEY, PREFIX
from pytcg.frontend.units import MOST_INSNS, Immediate, Units
from pytcg.native import native
from pytcg.native.intrinsics import ld32, ld64, signed_lt, st32, st64
from pytcg.tcg.state import ONE_INSN, Env
from pytcg.tcg.types import MASK64

#: bytes of templates that a block needs at most, and where behind them the units of a block are listed, 4 words each,
#: and its guest bytes copied
ROOM, GUEST_COPY, LISTED = 1 << 15, 1 << 14, (1 << 14) + 512
#: a pc that is linked lies less than this many bytes into the block
NEAR = 120
BITS8, BITS32 = 1 << 7, 1 << 31
NO_FORM = 0xFF
#: padding in front of an aligned branch, by its length in bytes
NOP1, NOP2, NOP3 = (int.from_bytes(nop, "little") for nop in NOPS[1:4])
MINUS_LOW = -LOW
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
def padding(position: int, align: int) -> int:
    """Bytes to put in front of a branch: see `BlockWriter._branch_chained`."""
    field = position + align
    across = field & 15
    pad = 16 - across if across > 12 else 0
    if position == 0 and (field == 1 or pad == 1):
        pad = 2
    return pad


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
def next_part(part: int) -> int:
    """Where the part behind a part lies."""
    head = ld64(part)
    hot = padded(head & 0xFFFF)
    cold = padded(head >> 16 & 0xFFFF)
    return part + 8 + hot + cold + (head >> 32 & 0xFFFF) * 8


@native
def write_part(env: Env, part: int, entry: int, position: int, low: int, listed: int) -> None:
    """Write a part of a listed unit and apply its fix-ups. `entry`: host address of the block's first hot byte."""
    source = part + 8
    target = entry + position
    end = target + (ld64(part) & 0xFFFF)
    while target < end:
        st64(target, ld64(source))
        source += 8
        target += 8
    target = entry + low
    end = target - (ld64(part) >> 16 & 0xFFFF)
    source += padded(target - end)
    fixup = source
    while target > end:
        source -= 8
        target -= 8
        st64(target, ld64(source))
    rows = ld64(ld64(env.code_control + FORMS) + ROWS)
    last = fixup + (ld64(part) >> 32 & 0xFFFF) * 8
    while fixup < last:
        field = ld64(fixup)
        row = rows + (field >> 32) * ROW
        field = (field & COLD_FIXUP - 1) + (end if field & COLD_FIXUP else entry + position)
        value = ld64(row) * position + ld64(row + 8) * (low + MINUS_LOW)
        value += ld64(row + 16) * ld64(listed + 8) + ld64(row + 24) * ld64(listed + 16)
        value += ld64(row + 32) * ld64(listed + 24)
        st32(field, ld32(field) + value)
        fixup += 8


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


def make_stitch(units: Units) -> Callable[[Env, int, int, int], int]:
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
        env.arg[0] = 0
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

    @native
    def write(env: Env, template: int, entry: int) -> None:
        """Write the host code of the units listed behind a template. `entry`: host address of the first hot byte."""
        st64(entry - HEADER_LENGTH, ld64(ld64(env.code_control + FORMS) + HEADER_CODE))
        st64(entry - HEADER, 0)
        position = 0
        low = 0 - HEADER_LENGTH
        listed = template + LISTED
        record = ld64(listed)
        while record:
            part = record + PARTS
            parts = ld64(record + INFO) & PART_COUNT
            while parts:
                head = ld64(part)
                if head >> 48:
                    pad = padding(position, head >> 48)
                    if pad:
                        st32(entry + position, NOP1 if pad == 1 else NOP2 if pad == 2 else NOP3)
                        position += pad
                write_part(env, part, entry, position, low, listed)
                position += head & 0xFFFF
                low -= head >> 16 & 0xFFFF
                part = next_part(part)
                parts -= 1
            listed += 32
            record = ld64(listed)

    @native
    def stitch(env: Env, address: int, flags: int, offset: int) -> int:
        """The template of the block at host address `address`, `offset` bytes into its page, or 0.

        What is unknown of it is noted in env.unknown.
        """
        control = env.code_control
        env.unknown[0] = 0
        if ld64(control + FORMS) == 0 or flags & ONE_INSN:
            return 0
        lock(env)
        template = ld64(control + STITCHED)
        size = 0
        if template + ROOM <= ld64(control + STITCHED_END) and ld64(control + TEMPLATES) < ld64(
            control + CONTENTS_LIMIT
        ):
            # Another vCPU may write there meanwhile: what is decoded and what is kept must be the same.
            at = 0
            while at < MOST_INSNS * 4 + 8 and offset + at + 8 <= PAGE:
                st64(template + GUEST_COPY + at, ld64(address + at))
                at += 8
            size = measure(env, template, flags, offset)
        if size:
            code = template + GUEST + padded(size)
            total = env.ret + env.arg[1]
            write(env, template, code + env.ret)
            st64(template + CODE_LENGTH, total)
            st64(template + CODE_ENTRY, env.ret)
            st64(template + GUEST_LENGTH, size)
            st64(template + GUEST_INSNS, env.arg[2])
            st64(template + KEY, flags << PAGE_SHIFT | offset)
            st64(template + PREFIX, ld64(template + GUEST_COPY))
            at = 0
            while at < size:
                st64(template + GUEST + at, ld64(template + GUEST_COPY + at))
                at += 8
            remember(env, template)
            count(env, STITCHED, code + padded(total) - template)
            count(env, STITCHED_BLOCKS, 1)
            count(env, STITCHED_INSNS, env.arg[2])
            count(env, STITCHED_BYTES, total)
        unlock(env)
        return template if size else 0

    return stitch
