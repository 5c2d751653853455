"""Software floating point: special values, boxing, comparisons, the helper; the host and an emulator as oracles."""

from __future__ import annotations

import math
import struct
from random import Random
from typing import Any

import pytest
import unicorn
from unicorn import riscv_const

from pytcg.tcg.helpers import Action
from pytcg.tcg.ops import code
from pytcg.tcg.soft import evaluate
from pytcg.tcg.soft_helper import helper_fp
from pytcg.tcg.state import Layout, env_class
from pytcg.tcg.types import MASK64, Cond, Rm, Type
from tests.tcg.floats import WIDTHS, home, interesting

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
BASE = 0x10000
ROUNDED = {"fadd": 0x00, "fsub": 0x04, "fmul": 0x08, "fdiv": 0x0C, "fsqrt": 0x2C}
FMA = {0: 0x43, 2: 0x47, 1: 0x4B, 3: 0x4F}
COMPARE = {Cond.LE: 0, Cond.LT: 1, Cond.EQ: 2}


class Oracle:
    """Executes one RISC-V instruction: f0, f1, f2 and x5 are inputs, f3 or x6 the output."""

    def __init__(self) -> None:
        self.machine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
        self.machine.mem_map(BASE, 0x10000)
        self.machine.reg_write(riscv_const.UC_RISCV_REG_MSTATUS, 3 << 13)
        self.places: dict[int, int] = {}

    def run(self, word: int, inputs: tuple[int, ...], integer_input: bool, integer_output: bool) -> tuple[int, int]:
        machine = self.machine
        if word not in self.places:
            self.places[word] = BASE + 4 * len(self.places)
            machine.mem_write(self.places[word], word.to_bytes(4, "little"))
        for number, value in enumerate(inputs):
            register = riscv_const.UC_RISCV_REG_X5 if integer_input else riscv_const.UC_RISCV_REG_F0 + number
            machine.reg_write(register, value)
        machine.reg_write(riscv_const.UC_RISCV_REG_FCSR, 0)
        machine.emu_start(self.places[word], self.places[word] + 4, count=1)
        output = riscv_const.UC_RISCV_REG_X6 if integer_output else riscv_const.UC_RISCV_REG_F3
        return machine.reg_read(output) & MASK64, machine.reg_read(riscv_const.UC_RISCV_REG_FFLAGS)


def encode(funct7: int, rs2: int, funct3: int, *, rs1: int = 0, rd: int = 3) -> int:
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x53


def instructions(kind: Type, rm: int) -> list[tuple[int, str, int, tuple[int, ...]]]:
    """Instruction word, op, number of operands and remaining fields."""
    double = int(kind == Type.F64)
    found = [
        (encode(funct7 | double, int(name != "fsqrt"), rm), name, 2 - (name == "fsqrt"), (rm,))
        for name, funct7 in ROUNDED.items()
    ]
    found += [
        (2 << 27 | double << 25 | 1 << 20 | rm << 12 | 3 << 7 | opcode, "fma", 3, (negate, rm))
        for negate, opcode in FMA.items()
    ]
    found += [(encode(0x60 | double, itype, rm, rd=6), "fcvt_to_int", 1, (itype, rm)) for itype in range(4)]
    found += [(encode(0x68 | double, itype, rm, rs1=5), "fcvt_from_int", 1, (itype, rm)) for itype in range(4)]
    found += [(encode(0x20 | double, 1 - double, rm), "fcvt_f", 1, (rm,))]
    found += [(encode(0x10 | double, 1, mode), "fsgnj", 2, (mode,)) for mode in range(3)]
    found += [(encode(0x50 | double, 1, funct3, rd=6), "fcmp", 2, (cond,)) for cond, funct3 in COMPARE.items()]
    found += [(encode(0x14 | double, 1, largest), ("fmin", "fmax")[largest], 2, ()) for largest in range(2)]
    found += [
        (encode(0x70 | double, 0, 1, rd=6), "fclass", 1, ()),
        (encode(0x70 | double, 0, 0, rd=6), "fmv_to_int", 1, ()),
        (encode(0x78 | double, 0, 0, rs1=5), "fmv_from_int", 1, ()),
    ]
    return found


def fclass(kind: Type, value: int) -> int:
    return evaluate(code("fclass", kind), (value,), ())[0]


@pytest.mark.parametrize("rm", [Rm.RNE, Rm.RTZ, Rm.RDN, Rm.RUP, Rm.RMM])
@pytest.mark.parametrize("kind", [Type.F32, Type.F64])
def test_against_an_emulator(kind: Type, rm: Rm) -> None:
    oracle, random = Oracle(), Random(rm * 8 + kind)
    for word, name, count, extra in instructions(kind, rm):
        source = (Type.F32 if kind == Type.F64 else Type.F64) if name == "fcvt_f" else kind
        for _ in range(100):
            if name in ("fcvt_from_int", "fmv_from_int"):
                inputs: tuple[int, ...] = (random.getrandbits(64) >> random.randrange(64),)
            else:
                inputs = tuple(home(source, interesting(source, random)) for _ in range(count))
            if name in ("fmin", "fmax") and 1 << 8 in (fclass(kind, value) for value in inputs):
                continue  # the emulator has the operation of IEEE 754-2008
            if name == "fma" and fclass(kind, inputs[2]) == 1 << 9:
                continue  # infinity times zero plus a quiet NaN is invalid in RISC-V, not in the emulator
            to_integer = name in ("fcmp", "fclass", "fcvt_to_int", "fmv_to_int")
            bits, flags = oracle.run(word, inputs, name.endswith("from_int"), to_integer)
            if kind == Type.F32 and not to_integer:
                bits = home(kind, bits & 0xFFFFFFFF)  # the emulator does not box
            assert evaluate(code(name, kind), inputs, extra) == (bits, flags), (name, extra, list(map(hex, inputs)))


@pytest.mark.parametrize("kind", [Type.F32, Type.F64])
def test_against_the_host(kind: Type) -> None:
    """Python's floats are the host's binary64; binary32 operations on them and one more rounding are exact, too."""
    random = Random(kind)
    layout = "<f" if kind == Type.F32 else "<d"
    size = WIDTHS[kind] // 8

    def number(bits: int) -> float:
        value: float = struct.unpack(layout, bits.to_bytes(size, "little"))[0]
        return value

    def bits_of(value: float) -> int:
        try:
            return int.from_bytes(struct.pack(layout, value), "little")
        except OverflowError:
            return int.from_bytes(struct.pack(layout, math.copysign(math.inf, value)), "little")

    for _ in range(1000):
        a, b = interesting(kind, random), interesting(kind, random)
        x, y = number(a), number(b)
        results = {"fadd": x + y, "fsub": x - y, "fmul": x * y}
        if y:
            results["fdiv"] = x / y
        for name, value in results.items():
            found, flags = evaluate(code(name, kind), (home(kind, a), home(kind, b)), (Rm.RNE,))
            if math.isnan(value):
                assert found == home(kind, 0x7FC00000 if kind == Type.F32 else 0x7FF8 << 48)
            else:
                assert found == home(kind, bits_of(value)), (name, hex(a), hex(b))
                assert flags & NV == 0
        if x >= 0:
            found, _ = evaluate(code("fsqrt", kind), (home(kind, a),), (Rm.RNE,))
            assert found == home(kind, bits_of(math.sqrt(x)))


def test_values_that_are_not_boxed_are_nans() -> None:
    nan = 0xFFFFFFFF_7FC00000
    one = 0xFFFFFFFF_3F800000
    for unboxed in (0xFFFFFFFE_3F800000, 0x80000000_3F800000, 0x7FFFFFFF_3F800000):
        assert evaluate(code("fadd", Type.F32), (one, unboxed), (Rm.RNE,)) == (nan, 0)
    assert evaluate(code("fclass", Type.F32), (0x3F800000,), ()) == (1 << 9, 0)
    assert evaluate(code("fsgnj", Type.F32), (unboxed, one), (1,)) == (nan | 1 << 31, 0)
    assert evaluate(code("fmin", Type.F32), (unboxed, one), ()) == (one, 0)
    assert evaluate(code("fmv_to_int", Type.F32), (0x12345678_80000000,), ()) == (0xFFFFFFFF_80000000, 0)
    assert evaluate(code("fmv_from_int", Type.F32), (0x12345678_3F800000,), ()) == (one, 0)


@pytest.mark.parametrize(
    ("name", "inputs", "extra", "expected"),
    [
        # invalid even though the addend is a quiet NaN
        ("fma", (0x7FF0 << 48, 0, 0x7FF8 << 48), (0, 0), (0x7FF8 << 48, NV)),
        ("fdiv", (1 << 52, 0), (0,), (0x7FF0 << 48, DZ)),
        ("fdiv", (0, 0), (0,), (0x7FF8 << 48, NV)),
        ("fsqrt", (1 << 63,), (0,), (1 << 63, 0)),
        # x - x is +0, towards minus infinity -0
        ("fsub", (0x3FF0 << 48, 0x3FF0 << 48), (Rm.RNE,), (0, 0)),
        ("fsub", (0x3FF0 << 48, 0x3FF0 << 48), (Rm.RDN,), (1 << 63, 0)),
        # rounds to the smallest normal number: tiny only if an unbounded exponent would keep it below
        ("fmul", (0x3FEFFFFFFFFFFFFF, 0x0010000000000000), (0,), (0x0010000000000000, NX | UF)),
        ("fmul", (0x3FF0000000000001, 0x000FFFFFFFFFFFFF), (0,), (0x0010000000000000, NX)),
        # minimum and maximum: -0 is below +0, one signalling NaN loses and is reported
        ("fmin", (0, 1 << 63), (), (1 << 63, 0)),
        ("fmax", (1 << 63, 0), (), (0, 0)),
        ("fmax", (0x7FF0 << 48 | 1, 0x3FF0 << 48), (), (0x3FF0 << 48, NV)),
        ("fmin", (0x3FF0 << 48, 0x7FF0 << 48 | 1), (), (0x3FF0 << 48, NV)),
        ("fmin", (0x7FF8 << 48 | 1, 0xFFF8 << 48), (), (0x7FF8 << 48, 0)),
        ("fcmp", (0, 1 << 63), (Cond.EQ,), (1, 0)),
        ("fcmp", (1 << 63, 0), (Cond.LT,), (0, 0)),
        ("fcmp", (0x7FF8 << 48, 0), (Cond.EQ,), (0, 0)),
        ("fcmp", (0x7FF8 << 48, 0), (Cond.LE,), (0, NV)),
    ],
)
def test_special_cases(name: str, inputs: tuple[int, ...], extra: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert evaluate(code(name, Type.F64), inputs, extra) == expected


def pack(op_code: int, *extra: int) -> int:
    return op_code | sum(value << (16 + 4 * place) for place, value in enumerate(extra))


@pytest.mark.parametrize(("control", "rm"), [(0, Rm.RNE), (1, Rm.RDN), (2, Rm.RUP), (3, Rm.RTZ)])
def test_helper_takes_the_dynamic_mode_from_mxcsr(control: int, rm: Rm) -> None:
    layout = Layout()
    env: Any = env_class(layout)(layout)
    env.mxcsr = 0x1F80 | control << 13
    env.fflags = DZ
    inputs = (0x3FF0000000000001, 0xBCC0000000000000, 0x3C80000000000000)
    for place, value in enumerate(inputs):
        env.arg[place] = value
    env.arg[3] = pack(code("fma", Type.F64), 2, Rm.DYN)
    assert helper_fp(env) == Action.CONTINUE
    result, flags = evaluate(code("fma", Type.F64), inputs, (2, rm))
    assert (env.ret, env.fflags) == (result, flags | DZ)


def test_helper_keeps_a_static_mode_and_other_fields() -> None:
    layout = Layout()
    env: Any = env_class(layout)(layout)
    env.mxcsr = 0x7F80
    env.arg[0] = 0xC004000000000000
    env.arg[3] = pack(code("fcvt_to_int", Type.F64), 2, Rm.RMM)
    helper_fp(env)
    assert (env.ret, env.fflags) == (-3 & MASK64, NX)
