"""Random instructions out of the instruction tables do what Unicorn does with them."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

import pytest
import unicorn
from unicorn import riscv_const

from pytcg.frontend.decodetree import Pattern
from pytcg.frontend.riscv.decoding import patterns
from pytcg.tcg.types import MASK32, MASK64
from tests.frontend.hart import CODE, DATA, FLAGS, SIZE, Hart

X = [getattr(riscv_const, f"UC_RISCV_REG_X{n}") for n in range(32)]
F = [getattr(riscv_const, f"UC_RISCV_REG_F{n}") for n in range(32)]
PC, FFLAGS, MSTATUS = riscv_const.UC_RISCV_REG_PC, riscv_const.UC_RISCV_REG_FFLAGS, riscv_const.UC_RISCV_REG_MSTATUS
TABLES = ("rv64i", "rv64m", "rv64a", "rv64f", "rv64d", "rvc", "rvcd")
#: what only changes or depends on state that Unicorn keeps elsewhere
LEFT_OUT = {"lr_w", "lr_d", "sc_w", "sc_d", "ebreak"}
MEMORY = {"lb", "lh", "lw", "ld", "lbu", "lhu", "lwu", "sb", "sh", "sw", "sd", "flw", "fld", "fsw", "fsd"}
#: what writes a single-precision register, which Unicorn does not box
BOXING = {pattern.name for pattern in patterns("rv64f") if pattern.name[-2:] == "_s" and "fcvt" not in pattern.name}
BOXING |= {"fcvt_s_w", "fcvt_s_wu", "fcvt_s_l", "fcvt_s_lu", "fcvt_s_d", "fmv_w_x"}
BOXING -= {"feq_s", "flt_s", "fle_s", "fclass_s"}
ROUNDS = 12
INTEGERS = (0, 1, 2, 0x7F, 0x80, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63, (1 << 63) - 1, MASK64, MASK64 - 1)
DOUBLES = (0.0, -0.0, 1.0, -1.5, 0.1, 1e300, -1e-310, 5e-324, 2**31, -(2.0**31), 2.0**32, 2.0**63, 2.0**64, 1e18 + 0.5)
SINGLES = (0.0, -0.0, 1.0, -1.5, 0.1, 3e38, -1e-40, 1.5e-45, 2**31, -(2.0**31), 2.0**32, 2.0**63, 2.0**64, 16777217.0)
BOX = 0xFFFFFFFF00000000


class Oracle:
    """Unicorn, with the code and data of `hart`."""

    def __init__(self) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
        self.uc.mem_map(CODE, SIZE)
        self.uc.mem_map(DATA, 2 * SIZE)
        self.uc.reg_write(MSTATUS, 0x6000)

    def run(self, word: int) -> tuple[int, bool]:
        """Execute one instruction at CODE: the pc after it, and whether it trapped."""
        length = 4 if word & 3 == 3 else 2
        self.uc.ctl_remove_cache(CODE, CODE + 4)
        self.uc.mem_write(CODE, word.to_bytes(length, "little"))
        try:
            self.uc.emu_start(CODE, CODE + length, count=1)
        except unicorn.UcError as error:
            if error.errno == unicorn.UC_ERR_EXCEPTION:
                return CODE, True
            # All that failed is the fetch of the instruction jumped to.
            assert error.errno == unicorn.UC_ERR_FETCH_UNMAPPED
        return int(self.uc.reg_read(PC)), False


@dataclass
class Machines:
    """The same state twice."""

    oracle: Oracle
    hart: Hart

    def randomise(self, rng: random.Random) -> None:
        """Give both the same registers and memory."""
        self.hart.reset()
        floats = [random_float(rng) for _ in range(32)]
        data = rng.randbytes(SIZE)
        for number in range(32):
            self.write(number, rng.choice((rng.choice(INTEGERS), rng.getrandbits(64), rng.getrandbits(8))))
            self.oracle.uc.reg_write(F[number], floats[number])
            self.hart.env.globals[32 + number] = floats[number]
        self.oracle.uc.mem_write(DATA, data)
        self.oracle.uc.reg_write(FFLAGS, 0)
        self.hart.memory.bytes[:] = data

    def write(self, number: int, value: int) -> None:
        """Set an integer register of both."""
        self.hart.x(number, value)
        if number:
            self.oracle.uc.reg_write(X[number], value & MASK64)


def random_float(rng: random.Random) -> int:
    if rng.random() < 0.5:
        return int(struct.unpack("<Q", struct.pack("<d", rng.choice(DOUBLES)))[0])
    return BOX | int(struct.unpack("<I", struct.pack("<f", rng.choice(SINGLES)))[0])


@pytest.fixture(scope="module")
def machines() -> Machines:
    return Machines(Oracle(), Hart())


def random_word(rng: random.Random, pattern: Pattern) -> int:
    return rng.getrandbits(pattern.width) & ~pattern.mask | pattern.value


def all_patterns() -> list[Pattern]:
    return [pattern for table in TABLES for pattern in patterns(table) if pattern.name not in LEFT_OUT]


def prepare(machines: Machines, rng: random.Random, word: int) -> bool:
    """Give operands values that suit the instruction. False: this word is not worth running."""
    decoded = decode(machines, word)
    if decoded is None:
        return True
    name = decoded[0].name
    if name in LEFT_OUT:
        return False
    arguments = dict(zip(decoded[0].names, decoded[1], strict=True))
    if "rm" in arguments or name[:5] in ("fsgnj", "fmin_", "fmax_", "feq_s", "feq_d", "fclas") or name[:2] == "fl":
        single = name.endswith("_s") or name == "fcvt_d_s"
        for operand in {"rs1", "rs2", "rs3"} & set(arguments):
            if name[:7] not in ("fcvt_s_", "fcvt_d_") or name[7] in "sd":
                unmixed(machines, rng, arguments[operand], single)
    base = arguments.get("rs1", 0)
    atomic = name.startswith("amo")
    if name in MEMORY or atomic:
        offset = 0 if atomic else arguments["imm"]
        address = DATA + rng.randrange(0, SIZE - 8, 8 if atomic else 1)
        machines.write(base, address - offset)
        return base != 0
    return True


def unmixed(machines: Machines, rng: random.Random, register: int, single: bool) -> None:
    """Give an f register a value of the precision that the instruction is about: Unicorn does not check boxes."""
    while ((value := random_float(rng)) >= BOX) != single:
        pass
    machines.oracle.uc.reg_write(F[register], value)
    machines.hart.env.globals[32 + register] = value


def decode(machines: Machines, word: int) -> tuple[Pattern, tuple[int, ...]] | None:
    decoder = machines.hart.translator.decoder(word)
    pattern, decoded = decoder.match(word), decoder.decode(word)
    return (pattern, decoded[1]) if pattern and decoded else None


@pytest.mark.parametrize("pattern", all_patterns(), ids=lambda pattern: f"{pattern.where}:{pattern.name}")
def test_like_unicorn(machines: Machines, pattern: Pattern) -> None:
    rng = random.Random(pattern.where)
    for _ in range(ROUNDS):
        word = random_word(rng, pattern)
        machines.randomise(rng)
        if not prepare(machines, rng, word):
            continue
        uc, hart = machines.oracle.uc, machines.hart
        expected_pc, trapped = machines.oracle.run(word)
        pc = hart.run(word, flags=FLAGS)
        context = f"{pattern.name} {word:#x}"
        assert (hart.trap is not None) == trapped, context
        if trapped:
            continue
        assert pc == expected_pc, context
        assert tuple(hart.env.globals[:32]) == uc.reg_read_batch(X), context
        floats = list(uc.reg_read_batch(F))
        if pattern.name in BOXING:
            rd = word >> 7 & 31
            floats[rd] = BOX | floats[rd] & MASK32
        assert list(hart.env.globals[32:]) == floats, context
        assert uc.mem_read(DATA, SIZE) == hart.memory.bytes, context
        assert hart.env.fflags == uc.reg_read(FFLAGS), context
