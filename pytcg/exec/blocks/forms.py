"""Host code of units (see `frontend/units.py`), in memory that machine code and Python share.

`exec/blocks/stitch.py` puts blocks together from it.

- *Classes*: 4 words for each class of instruction words: kind and masks of `WordClass`, address of its immediates.
- *Forms*: open addressing over host addresses of records, hashed by the two words of a form: the masked words (the
  second in the upper half), and translation flags | Form << 12.
- *Records*: how a unit looks and its parts. INFO: number of parts, ENDS to LEADS, and from bits 16
  and 24 on the globals made constant and added to; then BASE, WRITES and READS; then for each part a word with its
  lengths (hot code, cold code, fix-ups, alignment: 16 bits each), its hot code, its cold code (which ends at a whole
  word, as it is copied downward) and its fix-ups.
- *Rows* of factors, 5 words each.
"""

from __future__ import annotations

import gc
from functools import reduce
from operator import xor
from struct import Struct

from pytcg.backend.x86_64.backend import X86Backend
from pytcg.backend.x86_64.parts import BASE, Form, UnitCode, UnitMaker
from pytcg.exec.blocks.placing import MIX_PC, MIX_PHYSICAL
from pytcg.exec.blocks.table import FORMS, STITCHED, STITCHED_END, BlockTable, SharedWords
from pytcg.exec.translate import FREEZE_EVERY
from pytcg.frontend.guest import Guest
from pytcg.frontend.units import NIBBLES, WORD_MASK
from pytcg.native import native
from pytcg.native.intrinsics import ld64
from pytcg.tcg.state import WORD, Env
from pytcg.tcg.types import MASK64, signed64

LOG_FORMS = 17
FORMS_SHIFT = 64 - LOG_FORMS
FORMS_MASK = (WORD << LOG_FORMS) - 1
#: forms that are kept at most
FORMS_LIMIT = (1 << LOG_FORMS) * 3 // 4
#: words of records, immediates and rows; what is not used costs no memory
RECORD_WORDS = 8 << 20
IMMEDIATE_WORDS = 128
MAX_ROWS = 64

# Byte offsets in the words that FORMS of the control words points to.
SLOTS, CLASSES, ROWS, HEADER_CODE = range(0, 4 * WORD, WORD)
# Byte offsets in an entry of the classes.
KIND, FIRST_MASK, SECOND_MASK, IMMEDIATE = range(0, 4 * WORD, WORD)
CLASS = 4 * WORD
# Byte offsets in a record.
KEY_WORDS, KEY_FORM, INFO, FIRST_IMMEDIATE, WRITES, READS, PARTS = range(0, 7 * WORD, WORD)
PART_COUNT, ENDS, TEMPORARY, REFUSED, LINKS, LEADS = 0xFF, 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
CONSTANT_SHIFT, ADDS_SHIFT = 16, 24
FORM_SHIFT = 12
ROW = 5 * WORD
#: the most units of a block that can be reported unknown at once, and the words of each in env.unknown
MAX_UNKNOWN, UNKNOWN = 8, 3

_PADDING = tuple(bytes(n) for n in range(WORD))
_RECORD = Struct("<QQQqQQ")
_PART = Struct("<HHHH")
_ROW = Struct("<5q")
_CLASS = Struct("<QQQQ")


@native
def form_slot(words: int, form: int) -> int:
    """Byte offset in the forms at which to look for a record first."""
    return (words * MIX_PC + form * MIX_PHYSICAL >> FORMS_SHIFT) * 8


@native
def find_form(slots: int, words: int, form: int) -> int:
    """The record of a form, or 0."""
    at = form_slot(words, form)
    record = ld64(slots + at)
    while record and (ld64(record + KEY_WORDS) != words or ld64(record + KEY_FORM) != form):
        at = at + 8 & FORMS_MASK
        record = ld64(slots + at)
    return record


class Forms:
    """The host code of units that is known so far, and `size` bytes for the templates that are made of it.

    Changed by one thread at a time. The control words of `table` tell machine code of them.
    """

    def __init__(self, guest: Guest, backend: X86Backend, table: BlockTable, size: int) -> None:
        self.guest = guest
        self.maker = UnitMaker(backend)
        self.classes = guest.word_classes()
        self.control = table.control.words
        self.templates = SharedWords(size // WORD)
        self.slots = SharedWords(1 << LOG_FORMS)
        self.records = SharedWords(RECORD_WORDS)
        self.bytes = self.records.words.cast("B")
        self.used = 0
        self.count = 0
        self.known: set[tuple[int, int]] = set()
        self.rows = 0
        self.control[STITCHED_END // WORD] = self.templates.address + size
        self.forget_templates()
        if not self.classes:
            return
        classes = self.allocate(guest.units.classes * CLASS)
        self.first_row = self.allocate(MAX_ROWS * ROW)
        for number in range(guest.units.classes):
            _CLASS.pack_into(self.bytes, classes + number * CLASS, 0, WORD_MASK, WORD_MASK, 0)
        tables: dict[tuple[int, ...], int] = {}
        for number, row in self.classes.items():
            if row.immediate not in tables:
                tables[row.immediate] = at = self.allocate(IMMEDIATE_WORDS * WORD)
                self.records.words[at // WORD : at // WORD + IMMEDIATE_WORDS] = memoryview(
                    Struct(f"<{IMMEDIATE_WORDS}Q").pack(*row.immediate)
                ).cast("Q")
            address = self.records.address + tables[row.immediate]
            _CLASS.pack_into(self.bytes, classes + number * CLASS, row.kind, row.mask, row.mask_second, address)
        header = backend.writer.control.header
        start = self.allocate(4 * WORD)
        address = self.records.address
        Struct("<QQQQ").pack_into(
            self.bytes,
            start,
            self.slots.address,
            address + classes,
            address + self.first_row,
            int.from_bytes(header[:WORD], "little"),
        )
        self.control[FORMS // WORD] = address + start

    def forget_templates(self) -> None:
        """Forget what was put together; no block may be placed."""
        self.control[STITCHED // WORD] = self.templates.address

    def extent(self) -> tuple[int, int]:
        """Host addresses of the first of the templates that were put together, and of the end of the last."""
        return self.templates.address, self.control[STITCHED // WORD]

    def made(self) -> memoryview:
        """The templates that were put together, one behind the other. No vCPU may run."""
        start, end = self.extent()
        return self.templates.words.cast("B")[: end - start]

    def allocate(self, length: int) -> int:
        """Offset of fresh bytes in the records, in whole words."""
        start = self.used
        self.used = start + length + WORD - 1 & -WORD
        return start

    def learn(self, env: Env) -> bool:
        """Make host code of the units that `stitch` last lacked on a vCPU; whether any was added."""
        words, before = env.words, self.count
        first = env.index + env.layout.offset["unknown"] // WORD
        number = words[first]
        words[first] = 0
        for at in range(first + 1, first + 1 + number * UNKNOWN, UNKNOWN):
            self.add(*words[at : at + UNKNOWN])
        return self.count > before

    def add(self, unit: int, words: int, form: int) -> None:
        """Make host code of a unit (its one or two words) and enter it as that of a form, if there is none."""
        if (words, form) in self.known:
            return
        self.known.add((words, form))
        flags, kind = form & (1 << FORM_SHIFT) - 1, Form(form >> FORM_SHIFT)
        first, second = unit & WORD_MASK, unit >> 32
        ops, temps = self.guest.translate_unit((first, second) if second else (first,), flags)
        lead = self.immediate(first) if second else None
        made = self.maker.make(ops, temps, kind, lead, flags & 3)
        data = _RECORD.pack(words, form, REFUSED, 0, 0, 0) if made is None else self.record(made, words, form, kind)
        if len(self.maker.rows) > self.rows:
            self.write_rows()
        at = self.allocate(len(data))
        if self.count >= FORMS_LIMIT or self.used > len(self.bytes):
            return
        self.bytes[at : at + len(data)] = data
        slot = (words * MIX_PC + form * MIX_PHYSICAL & MASK64) >> FORMS_SHIFT
        while self.slots.words[slot]:
            slot = slot + 1 & FORMS_MASK // WORD
        # Machine code may look meanwhile: the record is whole by now.
        self.slots.words[slot] = self.records.address + at
        self.count += 1
        if not self.count & FREEZE_EVERY - 1:
            gc.freeze()

    def write_rows(self) -> None:
        """Make the rows of factors known."""
        for number, factors in enumerate(self.maker.rows):
            _ROW.pack_into(self.bytes, self.first_row + number * ROW, *factors)
        self.rows = len(self.maker.rows)

    def immediate(self, word: int) -> int:
        """The immediate of a word."""
        table = self.classes[self.guest.units.word_class(word)].immediate
        parts = (table[16 * nibble + (word >> 4 * nibble & 15)] for nibble in range(NIBBLES))
        return signed64(reduce(xor, parts))

    def record(self, unit: UnitCode, words: int, form: int, kind: Form) -> bytes:
        """The record of a unit's host code."""
        info = len(unit.parts) | (ENDS if unit.ends else 0) | (TEMPORARY if unit.temporary else 0)
        info |= (
            (LINKS if unit.links else 0)
            | (LEADS if unit.leads else 0)
            | unit.constant << CONSTANT_SHIFT
            | unit.adds << ADDS_SHIFT
        )
        data = _RECORD.pack(words, form, info, BASE[kind], unit.writes, unit.reads)
        for hot, cold, align, fixups in unit.parts:
            lengths = _PART.pack(len(hot), len(cold), len(fixups.each), align)
            data += lengths + hot + _PADDING[-len(hot) % WORD] + _PADDING[-len(cold) % WORD] + cold + fixups.words
        return data
