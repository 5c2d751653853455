"""Blocks that machine code puts together are those that the translator makes, to the byte."""

from __future__ import annotations

import random
import struct
from ctypes import string_at

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytcg.backend.x86_64.backend import X86Backend
from pytcg.exec.blocks.forms import FORMS_LIMIT, FORMS_MASK, LOG_FORMS, Forms, find_form, form_slot
from pytcg.exec.blocks.stitch import ROOM
from pytcg.exec.blocks.table import (
    CONTENTS_LIMIT,
    FORMS,
    STITCHED,
    STITCHED_END,
    TEMPLATES,
    WORD,
    BlockTable,
    SharedWords,
)
from pytcg.exec.blocks.templates import CODE_ENTRY, CODE_LENGTH, GUEST, GUEST_INSNS, GUEST_LENGTH, KEY, PREFIX
from pytcg.frontend.decodetree import Pattern
from pytcg.frontend.riscv.decoding import decoder
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.isa import configure
from pytcg.frontend.units import MOST_INSNS
from pytcg.native import NativeFunction
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.state import ONE_INSN
from tests.exec.board import PAGE, PROGRAM, RAM, Board, M, S, U
from tests.exec.riscv import (
    C_NOP,
    FENCE_I,
    add,
    addi,
    auipc,
    bne,
    c_addi,
    code,
    i_type,
    jal,
    jalr,
    load,
    lui,
    r_type,
    store,
)

PATTERNS: tuple[Pattern, ...] = tuple(
    pattern for width in (16, 32) for pattern in decoder(configure("rv64").tables, width).patterns
)


class Workshop(Board):
    """A board whose blocks are looked at, not run."""

    def __init__(self, privilege: int = S, compiled: bool = True) -> None:
        super().__init__()
        self.enter(privilege)
        self.compiled = compiled

    def look_up(self, pc: int) -> int:
        """Address of the template for a pc; 0 if nothing is known, or not enough."""
        self.env.pc = pc
        helper = self.engine.helpers[Helper.LOOKUP]
        assert isinstance(helper, NativeFunction)
        if self.compiled:
            self.cpu.host.runtime.call(self.env.address, Helper.LOOKUP)
        else:
            assert helper(self.env) == Action.SLOW
        return int(self.env.arg[3])

    def stitched(self, pc: int) -> bytes | None:
        """The template that is put together for a pc, once all that is unknown is known."""
        while not (template := self.look_up(pc)):
            if not self.code.learn(self.env):
                return None
        return contents(template)

    def translated(self, pc: int) -> bytes:
        """The template that the translator makes for a pc."""
        page = self.ram.buffer[pc - RAM & -PAGE :][:PAGE]
        block = self.engine.translator.translate(page, pc % PAGE, self.env.flags & 0xFFF, 0)
        assert block is not None
        return contents(block.code)


def contents(template: int) -> bytes:
    """A template, without what pads it."""
    header = dict(
        zip(range(0, GUEST, WORD), struct.unpack(f"<{GUEST // WORD}Q", string_at(template, GUEST)), strict=True)
    )
    assert set(header) == {CODE_LENGTH, CODE_ENTRY, GUEST_LENGTH, GUEST_INSNS, KEY, PREFIX}
    length = header[GUEST_LENGTH]
    guest = string_at(template + GUEST, length)
    return repr(header).encode() + guest + string_at(template + GUEST + (length + 7 & -8), header[CODE_LENGTH])


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    return Workshop()


def random_word(rng: random.Random) -> bytes:
    """An instruction, or a pair that is fused."""
    pattern = rng.choice(PATTERNS)
    word = rng.getrandbits(pattern.width) & ~pattern.mask | pattern.value
    return word.to_bytes(pattern.width // 8, "little")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**64), st.integers(0, PAGE // 2 - 1))
@example(97835879765201312, 0)  # in a loop, an instruction reads what it has written itself
def test_random_blocks(workshop: Workshop, seed: int, half: int) -> None:
    rng = random.Random(seed)
    text = b"".join(random_word(rng) for _ in range(rng.randrange(1, 12))) + code(jalr(0, 1, 0))
    workshop.write(PROGRAM, bytes(PAGE))
    workshop.write(PROGRAM + 2 * half, text[: PAGE - 2 * half])
    stitched = workshop.stitched(PROGRAM + 2 * half)
    assert stitched in (None, workshop.translated(PROGRAM + 2 * half))


FAR, NEAR, RETURN = 0x12345000, 40, jalr(0, 1, 0)
#: programs that must be put together
BLOCKS = {
    "loads and stores": code(
        load(10, 2, 0), load(11, 2, 8), load(12, 2, -8), load(13, 20, 2040), store(21, 20, -2048), jalr(0, 1, 0)
    ),
    "forward branch": code(addi(10, 10, 1), bne(10, 11, NEAR)),
    "branch over an instruction": code(addi(10, 10, 1), bne(10, 11, 8)),
    "backward branch": code(addi(10, 10, 1), bne(10, 11, -4)),
    "jump and link": code(addi(10, 10, 1), jal(1, NEAR)),
    "jump out of the page": code(addi(10, 10, 1), jal(0, 2 * PAGE)),
    "branch out of the page": code(addi(10, 10, 1), bne(10, 0, -PAGE)),
    "address": code(auipc(10, FAR), addi(10, 10, 100), jalr(0, 1, 0)),
    "pages only": code(auipc(10, FAR), addi(11, 10, 100), jalr(0, 1, 0)),
    "call": code(auipc(1, FAR), jalr(1, 1, 100)),
    "near call": code(auipc(1, 0), jalr(1, 1, 100)),
    "call back": code(auipc(1, 0), jalr(1, 1, -100)),
    "tail call": code(auipc(6, FAR), jalr(0, 6, -100)),
    "call through another register": code(auipc(6, FAR), jalr(1, 6, -100)),
    "numbers": code(*[addi(10, rs1, n) for rs1 in (0, 10, 11) for n in (0, 1, -1, 200, -200)], jalr(0, 1, 0)),
    "many": code(*[addi(10, 10, n) for n in range(MOST_INSNS - 1)], jalr(0, 1, 0)),
    "loop whose temporaries take the register": code(
        addi(20, 20, 1), add(10, 10, 20), r_type(0x33, 2, 0x10, 11, 11, 12), bne(10, 11, -12)
    ),
    "no room for padding": code(addi(10, 10, 1), addi(0, 0, 0), bne(10, 0, NEAR)),
}


@pytest.mark.parametrize("compiled", (False, True), ids=("python", "compiled"))
@pytest.mark.parametrize("privilege", (S, M))
def test_usual_blocks(privilege: int, compiled: bool) -> None:
    workshop = Workshop(privilege, compiled)
    for n, (name, block) in enumerate(BLOCKS.items()):
        pc = PROGRAM + PAGE * (n + 1) + 12 * n
        workshop.write(pc, block)
        assert workshop.stitched(pc) == workshop.translated(pc), name


@pytest.mark.parametrize("imm", (0, 1, 126, 127, 128, 129, -1, -127, -128, -129, -130, 2047, -2048))
def test_immediates_at_the_edges_of_widths(workshop: Workshop, imm: int) -> None:
    additions = [addi(rd, rs1, imm) for rd, rs1 in ((10, 10), (11, 10), (20, 20), (21, 20), (12, 0))]
    kinds = ((0x1B, 0), *((0x13, funct3) for funct3 in (2, 3, 4, 6, 7)))
    words = [i_type(opcode, funct3, rd, 10, imm) for opcode, funct3 in kinds for rd in (10, 13)]
    loads = [load(rd, rs1, imm) for rd in (0, 10, 20) for rs1 in (2, 20)]
    stores = [store(rs2, rs1, imm) for rs2 in (0, 10, 20) for rs1 in (2, 20)]
    for block in (additions, words, loads, stores, [lui(10, imm << 20), lui(20, imm << 12)]):
        workshop.write(PROGRAM, code(*block, jalr(0, 1, 0)))
        assert workshop.stitched(PROGRAM) == workshop.translated(PROGRAM)


def same_or_left(workshop: Workshop, pc: int, block: bytes) -> bool:
    """Whether a block at a pc is put together; if so, it must be as the translator makes it."""
    workshop.write(pc & -PAGE, bytes(PAGE))
    workshop.write(pc, block)
    stitched = workshop.stitched(pc)
    assert stitched in (None, workshop.translated(pc)), (hex(pc), block.hex())
    return stitched is not None


@pytest.mark.parametrize("start", (0, 2, 1000, PAGE - 64))
@pytest.mark.parametrize("before", (0, 1, 2, 5))
def test_jumps_to_the_edges_of_the_page(workshop: Workshop, start: int, before: int) -> None:
    at = start + 4 * before
    targets = {at + n for n in range(-8, 12, 2)} | {start, 0, 2} | {-2, *range(PAGE - 6, PAGE + 4, 2)}
    distances = [target - at for target in targets if -PAGE <= target - at < PAGE]
    jumps = [
        *[[word] for distance in distances for word in (bne(10, 11, distance), jal(0, distance), jal(1, distance))],
        *[[auipc(6, 0), jalr(rd, 6, n)] for n in distances if -2048 <= n < 2048 for rd in (0, 1, 6)],
        *[[auipc(1, page), jalr(1, 1, n)] for page in (PAGE, -PAGE & 0xFFFFFFFF) for n in (-1, 0, 3, 2046, -2048)],
    ]
    together = [
        same_or_left(workshop, PROGRAM + start, code(*[addi(10, 10, n) for n in range(before)], *jump))
        for jump in jumps
    ]
    assert together.count(True) > len(together) // 3


@pytest.mark.parametrize("register", (0, 1, 6, 7))
def test_pairs_with_a_compressed_instruction(workshop: Workshop, register: int) -> None:
    """c.addi, c.jr and c.jalr after an auipc: of its register, or of another."""
    for page in (0, FAR):
        jumps = [start | register << 7 for start in (0x8002, 0x9002)]
        for second in (*jumps, *(c_addi(register, n) for n in (0, 1, -1, 31, -32))):
            same_or_left(workshop, PROGRAM, code(auipc(6, page), second, RETURN))


@pytest.mark.parametrize("halves", range(52, 68))
def test_a_pc_is_as_near_as_its_field_is_wide(workshop: Workshop, halves: int) -> None:
    """Links and addresses at distances from the block around 127 bytes, and around 31 bits."""
    for words in (
        (jal(1, PAGE),),
        (auipc(1, 0), jalr(1, 1, 512)),
        (auipc(1, FAR), jalr(1, 1, 512)),
        (auipc(6, 0), jalr(1, 6, 512)),
        (auipc(10, 0), RETURN),
        *((auipc(10, 0), addi(10, 10, n), RETURN) for n in (4, 10, -200, -2 * halves - 128, -2 * halves - 130)),
        *(
            (auipc(1, page), *use)
            for page, n in ((1 << 31, -1), (0x7FFFF000, 2047))
            for use in ((addi(1, 1, n), RETURN), (addi(11, 1, n), RETURN), (jalr(1, 1, n),))
        ),
    ):
        same_or_left(workshop, PROGRAM, code(*[C_NOP] * halves, *words))


def test_what_is_left_to_the_translator(workshop: Workshop) -> None:
    """Constants that fold, forwarded values of a loop, the end of the page, too long a block, a distant pc, helpers."""
    for at, block in (
        (0, code(lui(10, FAR), addi(10, 10, 1), jalr(0, 1, 0))),
        (0, code(addi(20, 20, 1), add(10, 10, 20), bne(10, 11, -8))),
        (PAGE - 8, code(addi(10, 10, 1), jalr(0, 1, 0))),
        (0, code(*[addi(10, 10, 1)] * MOST_INSNS, jalr(0, 1, 0))),
        (0, code(*[addi(10, 10, 1)] * 40, jal(1, NEAR))),
        (0, code(addi(10, 10, 1), FENCE_I)),
    ):
        workshop.write(PROGRAM + at, block)
        assert workshop.stitched(PROGRAM + at) is None


@pytest.mark.parametrize(
    ("limit", "used", "room"), ((STITCHED_END, STITCHED, ROOM - 1), (CONTENTS_LIMIT, TEMPLATES, 0))
)
def test_nothing_is_put_together_without_room(limit: int, used: int, room: int) -> None:
    workshop = Workshop()
    workshop.write(PROGRAM, code(addi(10, 10, 1), RETURN))
    control = workshop.code.table.control.words
    before = control[limit // WORD]
    control[limit // WORD] = control[used // WORD] + room
    assert workshop.stitched(PROGRAM) is None
    control[limit // WORD] = before
    assert workshop.stitched(PROGRAM)


def test_no_more_forms_than_there_is_room_for() -> None:
    workshop = Workshop()
    forms = workshop.code.forms
    assert isinstance(forms, Forms)
    workshop.write(PROGRAM, code(addi(10, 10, 1), RETURN))
    forms.count = FORMS_LIMIT
    assert workshop.stitched(PROGRAM) is None


def test_nothing_is_put_together_without_compressed_instructions() -> None:
    """There a jump may be misaligned, which its immediate decides."""
    guest, table = RiscvGuest(configure("rv64,c=off")), BlockTable(1)
    Forms(guest, X86Backend(guest.layout, guest.hot_registers), table, 1 << 16)
    assert table.counter(FORMS) == 0


def test_a_form_is_made_once(workshop: Workshop) -> None:
    """Another displacement of the same width, or another target, needs nothing new."""
    forms = workshop.code.forms
    assert isinstance(forms, Forms)
    for one, other in (
        (code(load(10, 2, 16), bne(10, 11, NEAR)), code(load(10, 2, 24), bne(10, 11, NEAR + 64))),
        (code(auipc(1, FAR), jalr(1, 1, 100)), code(auipc(1, FAR), jalr(1, 1, 200))),
        (code(auipc(10, FAR), addi(10, 10, 4), RETURN), code(auipc(10, 2 * FAR), addi(10, 10, -4), RETURN)),
    ):
        workshop.write(PROGRAM, one)
        assert workshop.stitched(PROGRAM)
        count = forms.count
        workshop.write(PROGRAM + 256, other)
        assert workshop.stitched(PROGRAM + 256) == workshop.translated(PROGRAM + 256)
        assert forms.count == count


def test_forms_that_are_looked_for_at_one_place_are_told_apart() -> None:
    """By both words of their keys."""
    kinds = {form_slot(1, form): form for form in range(1 << 16)}
    first, second = next((kinds[slot], form) for form in range(1 << 16) if kinds[slot := form_slot(1, form)] != form)
    by_words = {form_slot(words, 1): words for words in range(1 << 10)}
    one, other = next((by_words[slot], n) for n in range(1 << 20) if by_words.get(slot := form_slot(n, 1), n) != n)
    for keys in (((1, first), (1, second)), ((one, 1), (other, 1))):
        slots, records = SharedWords(1 << LOG_FORMS), SharedWords(4)
        at = form_slot(*keys[0]) // WORD
        assert at == form_slot(*keys[1]) // WORD
        for n, key in enumerate(keys):
            assert find_form(slots.address, *key) == 0
            records.words[2 * n], records.words[2 * n + 1] = key
            slots.words[at + n & FORMS_MASK // WORD] = records.address + 2 * n * WORD
            assert find_form(slots.address, *key) == records.address + 2 * n * WORD


def test_forms_are_of_one_value_of_the_flags() -> None:
    """What lets a floating-point register be stored in U is a bit of them; a jump to another page goes by the mode.
    Blocks of one instruction are no matter of forms."""
    workshop = Workshop(U)
    workshop.write(PROGRAM, code(store(8, 2, 16) | 4, RETURN))
    assert workshop.stitched(PROGRAM) == workshop.translated(PROGRAM)
    assert not same_or_left(workshop, PROGRAM, code(load(8, 2, 16) | 4, load(9, 2, 24) | 4, RETURN))
    workshop.env.mstatus = 0
    workshop.enter(U)
    workshop.write(PROGRAM, code(store(8, 2, 16) | 4, RETURN))
    assert workshop.stitched(PROGRAM) is None
    for privilege in (S, M):
        workshop.enter(privilege)
        workshop.write(PROGRAM, code(addi(10, 10, 1), jal(0, 2 * PAGE)))
        assert workshop.stitched(PROGRAM) == workshop.translated(PROGRAM)
    workshop.env.flags |= ONE_INSN
    assert workshop.stitched(PROGRAM) is None
