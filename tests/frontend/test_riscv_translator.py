"""Where blocks end, what is folded, and the instructions that Unicorn cannot be asked about."""

from __future__ import annotations

import random

import pytest

from pytcg.frontend.riscv.bits import CAUSE_FETCH_MISALIGNED, CAUSE_ILLEGAL, CAUSE_STORE_MISALIGNED, MSTATUS_DIRTY
from pytcg.frontend.riscv.decoding import patterns, translator
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.tcg.helpers import Helper
from pytcg.tcg.text import format_ops
from pytcg.tcg.types import MASK64
from pytcg.tcg.verify import verify
from tests.frontend.hart import CODE, DATA, FLAGS, Hart

GUEST = RiscvGuest()
NOP, C_NOP, C_LI_A0_1 = 0x00000013, 0x0001, 0x4505
MODE_S, COUNT, FS_OFF = 0x15, 1 << 7, 0x0F
FRM_RMM, FRM_INVALID = 1 << 5, 2 << 5
FADD_D, FADD_D_DYN, FSGNJ_D, FMV_X_D, FEQ_D = 0x02C58553, 0x02C5F553, 0x22C58553, 0xE2058553, 0xA2C5A553
#: what fence.i is: a fence where code may have changed unnoticed, and the end of the block
FENCE_I = [
    f"ld.i64 %t0, env, off={LAYOUT.offset['unsure']}, mop=u64",
    "brcond.i64 %t0, #0, eq, L0",
    f"call _, _, _, _, helper={Helper.CODE_FENCE}, insn=0",
    "L0:",
    "exit_tb delta=4",
]
LR_W, LR_D, SC_W, SC_D = 0x1005252F, 0x1005352F, 0x18B5262F, 0x18B5362F


def half_words(*words: int) -> memoryview:
    code = b"".join(word.to_bytes(4 if word & 3 == 3 else 2, "little") for word in words)
    return memoryview(code).cast("H")


def ops(*words: int, flags: int = FLAGS, guest: RiscvGuest = GUEST) -> list[str]:
    """The text of a block's ops."""
    translation = guest.translate(half_words(*words), 0, flags)
    verify(translation.ops, translation.temps)
    return [line.strip() for line in format_ops(translation.ops, guest.register_names).splitlines()]


@pytest.fixture
def hart() -> Hart:
    return Hart()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((NOP, C_NOP), ["goto_tb delta=6, insn=4"]),
        ((C_LI_A0_1, 0xA001), ["movi.i64 a0, #1", "goto_tb delta=2, insn=2"]),  # j .
        ((0x00C58533,), ["add.i64 a0, a1, a2", "goto_tb delta=4, insn=0"]),
        ((0x852E,), ["mov.i64 a0, a1", "goto_tb delta=2, insn=0"]),
        ((0x40B00533,), ["neg.i64 a0, a1", "goto_tb delta=4, insn=0"]),
        ((0xFFF5C513,), ["not.i64 a0, a1", "goto_tb delta=4, insn=0"]),
        ((0x0005851B,), ["sextract.i64 a0, a1, pos=0, len=32", "goto_tb delta=4, insn=0"]),
        ((0x00B03533,), ["setcond.i64 a0, a1, #0, ne", "goto_tb delta=4, insn=0"]),
        ((C_NOP, 0x0105B503), ["guest_ld.i64 a0, a1, off=16, mop=u64/m3, insn=2", "goto_tb delta=6, insn=2"]),
        ((C_NOP, 0xFEB52C23), ["guest_st.i64 a1, a0, off=-8, mop=u32/m3, insn=2", "goto_tb delta=6, insn=2"]),
        ((0x0005A003,), ["guest_ld.i64 %t0, a1, off=0, mop=s32/m3, insn=0", "goto_tb delta=4, insn=0"]),
        ((C_NOP, 0x00B04863), ["brcond_tb.i64 a1, #0, gt, delta=18, insn=2", "goto_tb delta=6, insn=2"]),  # bgtz
        ((0xC111,), ["brcond_tb.i64 a0, #0, eq, delta=4, insn=0", "goto_tb delta=2, insn=0"]),
        ((0x8082,), ["and.i64 %t0, ra, #-2", "goto_ptr %t0"]),
        ((0x9582,), ["and.i64 %t0, a1, #-2", "pc_rel.i64 ra, #2", "goto_ptr %t0"]),
        ((0x00001517, 0x01050513), ["pc_rel.i64 a0, #4112", "goto_tb delta=8, insn=4"]),
        ((0x00001517, 0x01050593), ["pc_rel.i64 a0, #4096", "add.i64 a1, a0, #16", "goto_tb delta=8, insn=4"]),
        ((C_NOP, 0x00001097, 0x010080E7), ["pc_rel.i64 ra, #10", "goto_tb delta=4114, insn=2"]),  # call
        ((0x00001317, 0x01030067), ["pc_rel.i64 t1, #4096", "goto_tb delta=4112, insn=4"]),  # tail
        ((0x0330000F,), ["mb", "goto_tb delta=4, insn=0"]),  # fence rw, rw
        ((0x0230000F,), ["goto_tb delta=4, insn=0"]),  # fence r, rw
        ((0x0100000F,), ["goto_tb delta=4, insn=0"]),  # pause
        ((0x0000100F,), FENCE_I),
        ((0x00156013,), ["goto_tb delta=4, insn=0"]),  # prefetch.r
    ],
    ids=str,
)
def test_ops(words: tuple[int, ...], expected: list[str]) -> None:
    assert ops(*words) == expected


def test_every_word_twice() -> None:
    """What is remembered of a word yields the same ops as the first time, at the place where it is met."""
    rng = random.Random(0)
    rows = [pattern for table in GUEST.isa.tables for pattern in patterns(table)]
    for pattern in rows:
        word = rng.getrandbits(pattern.width) & ~pattern.mask | pattern.value
        for flags in (FLAGS, MODE_S, MODE_S | COUNT, FLAGS | FRM_RMM, FLAGS | FRM_INVALID):
            first = translator(GUEST.isa).translate(half_words(C_NOP, word), 0, flags)
            verify(first.ops, first.temps)
            again = GUEST.translate(half_words(C_NOP, C_NOP, word), 1, flags)
            assert again == first
            assert GUEST.translate(half_words(C_NOP, word), 0, flags) == first
            assert first.insns == 2


def test_block_ends_at_page_end() -> None:
    page = half_words(*[C_LI_A0_1] * 8)
    assert GUEST.translate(page, 5, FLAGS)[1:] == (0, 6, 3)


def test_block_ends_after_64_instructions() -> None:
    translation = GUEST.translate(half_words(*[NOP] * 100), 0, FLAGS)
    assert (translation.length, translation.insns) == (256, 64)
    assert format_ops(translation.ops).strip() == "goto_tb delta=256, insn=252"


def test_instruction_across_pages() -> None:
    page = half_words(C_NOP, 0x00C58533)[:2]
    before = GUEST.translate(page, 0, FLAGS, 0x00C5)
    assert before[2:] == (2, 1)
    assert format_ops(before.ops).strip() == "goto_tb delta=2, insn=0"
    assert GUEST.translate(page, 1, FLAGS)[2:] == (0, 0)
    whole = GUEST.translate(page, 1, FLAGS, 0x00C5)
    assert whole == GUEST.translate(half_words(0x00C58533), 0, FLAGS)
    assert whole.length == 4


def test_counting(hart: Hart) -> None:
    hart.run(NOP, C_LI_A0_1, 0x8082, flags=FLAGS | COUNT)
    hart.run(NOP, flags=FLAGS | COUNT)
    hart.run(NOP)
    assert hart.env.executed == 4


def test_call_returns_behind_it(hart: Hart) -> None:
    assert hart.run(C_NOP, 0x00001097, 0x010080E7) == CODE + 2 + 4096 + 16
    assert hart.x(1) == CODE + 10


def test_jalr_through_its_link_register(hart: Hart) -> None:
    hart.x(1, 0x12345)
    assert hart.run(0x004080E7) == 0x12348
    assert hart.x(1) == CODE + 4


@pytest.mark.parametrize("word", [0, 0xFFFFFFFF, 0x9C41, 0x0000, 0x8002])
def test_illegal(hart: Hart, word: int) -> None:
    hart.run(NOP, word)
    assert hart.trap == (CAUSE_ILLEGAL, word)


def test_without_c() -> None:
    hart = Hart("rv64,c=off")
    hart.run(C_NOP)
    assert hart.trap == (CAUSE_ILLEGAL, C_NOP)
    hart.run(NOP, 0x0060006F)  # j .+6
    assert hart.trap == (CAUSE_FETCH_MISALIGNED, CODE + 10)
    branch = 0x00B50363  # beq a0, a1, .+6
    hart.run(branch)
    assert hart.trap == (CAUSE_FETCH_MISALIGNED, CODE + 6)
    hart.x(10, 1)
    assert hart.run(branch) == CODE + 4
    assert hart.trap is None
    hart.x(1, 0x1007)
    hart.run(0x00008067)  # ret
    assert hart.trap == (CAUSE_FETCH_MISALIGNED, 0x1006)
    hart.x(1, 0x1004)
    assert hart.run(0x00008067) == 0x1004


def test_extension_that_is_off() -> None:
    hart = Hart("rv64,m=off")
    hart.run(0x02C58533)  # mul
    assert hart.trap is not None


@pytest.mark.parametrize(("load", "store", "size"), [(LR_W, SC_W, 4), (LR_D, SC_D, 8), (LR_D, SC_W, 4)])
def test_store_conditional(hart: Hart, load: int, store: int, size: int) -> None:
    """lr a0, (a0); then sc a2, a1, (a0) succeeds once."""
    rng = random.Random(size)
    data = rng.randbytes(8)
    hart.memory.bytes[:8] = data
    hart.x(10, DATA)
    hart.run(load)
    assert hart.x(10) & 0xFFFFFFFF == int.from_bytes(data[:4], "little")
    hart.x(10, DATA)
    hart.x(11, 0x1122334455667788)
    hart.run(store)
    expected = 0x1122334455667788.to_bytes(8, "little")[:size] + data[size:]
    assert (hart.x(12), hart.memory.bytes[:8]) == (0, expected)
    hart.x(11, 5)
    hart.run(store)
    assert (hart.x(12), hart.memory.bytes[:8]) == (1, expected)


def test_store_conditional_fails(hart: Hart) -> None:
    """Elsewhere, or after somebody else's store; a misaligned address faults even so."""
    hart.x(10, DATA)
    hart.run(LR_D)
    hart.x(10, DATA + 8)
    hart.run(SC_D)
    assert hart.x(12) == 1
    hart.x(10, DATA)
    hart.run(LR_D)
    hart.memory.bytes[3] = 1
    hart.x(10, DATA)
    hart.run(SC_D)
    assert hart.x(12) == 1
    hart.x(10, DATA + 4)
    hart.run(SC_D)
    assert hart.trap == (CAUSE_STORE_MISALIGNED, DATA + 4)
    hart.run(SC_W)
    assert hart.trap is None


def test_cache_blocks(hart: Hart) -> None:
    hart.memory.bytes[:] = b"\xff" * len(hart.memory.bytes)
    hart.x(10, DATA + 0x7F)
    hart.run(0x0045200F)  # cbo.zero (a0)
    assert hart.memory.bytes[:0x90] == b"\xff" * 0x40 + bytes(0x40) + b"\xff" * 0x10
    hart.run(0x0025200F)  # cbo.flush (a0)
    assert hart.trap is None


@pytest.mark.parametrize("word", [FADD_D, FSGNJ_D, FMV_X_D, FEQ_D, 0x0005B507, 0x00A5B427], ids=hex)
def test_floating_point_off(hart: Hart, word: int) -> None:
    hart.env.mstatus = 0
    hart.run(NOP, word, flags=FS_OFF)
    assert hart.trap == (CAUSE_ILLEGAL, word)
    assert hart.env.mstatus == 0


@pytest.mark.parametrize(
    ("word", "dirty"), [(FSGNJ_D, True), (0x0005B507, True), (FMV_X_D, False), (0x00A5B427, False)], ids=hex
)
@pytest.mark.parametrize("flags", [FLAGS, FS_OFF])
def test_floating_point_dirty(hart: Hart, word: int, dirty: bool, flags: int) -> None:
    hart.env.mstatus = 1 << 13
    hart.run(word, word, flags=flags)
    assert hart.trap is None
    assert hart.env.mstatus == (MSTATUS_DIRTY if dirty else 1 << 13)


def test_floating_point_is_checked_once() -> None:
    lines = ops(FSGNJ_D, FSGNJ_D, FADD_D, flags=FS_OFF)
    assert sum(line.startswith("brcond") for line in lines) == 1
    assert sum(line.startswith("st.") for line in lines) == 1


def test_rounding_modes(hart: Hart) -> None:
    assert ops(FADD_D)[-2] == "fadd.f64 fa0, fa1, fa2, rm=rne"
    assert ops(FADD_D_DYN)[-2] == "fadd.f64 fa0, fa1, fa2, rm=dyn"
    assert ops(FADD_D_DYN, flags=FLAGS | FRM_RMM)[-2] == "fadd.f64 fa0, fa1, fa2, rm=rmm"
    assert ops(FADD_D, flags=FLAGS | FRM_INVALID)[-2] == "fadd.f64 fa0, fa1, fa2, rm=rne"
    for word, flags in ((FADD_D_DYN, FLAGS | FRM_INVALID), (FADD_D | 5 << 12, FLAGS), (FADD_D | 6 << 12, FLAGS)):
        hart.run(word, flags=flags)
        assert hart.trap == (CAUSE_ILLEGAL, word)


def test_loads_box_singles(hart: Hart) -> None:
    hart.memory.bytes[:4] = bytes.fromhex("0000803f")
    hart.x(11, DATA)
    hart.run(0x0005A507)  # flw fa0, (a1)
    assert hart.env.globals[32 + 10] == MASK64 ^ 0xFFFFFFFF | 0x3F800000
