"""Floating-point ops as machine code, helper included, give the results and flags of tcg/soft.py."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from pytcg.backend.base import Status
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.ops import OPS, OpDef, code
from pytcg.tcg.soft import evaluate
from pytcg.tcg.soft_helper import helper_fp
from pytcg.tcg.types import Cond, Rm, Type
from tests.backend.machine_code import Machine, word

ROWS = [row for row in OPS if row.types == (Type.F32, Type.F64)]
RC = {Rm.RNE: 0, Rm.RDN: 0x2000, Rm.RUP: 0x4000, Rm.RTZ: 0x6000}
#: fflags bit of each MXCSR flag bit (IE, DE, ZE, OE, UE, PE)
FLAGS = (16, 0, 8, 4, 2, 1)
BOX = 0xFFFFFFFF00000000
WIDTHS = {Type.F32: (32, 8), Type.F64: (64, 11)}
OPERANDS = (40, 41, 14, 79, 80)


def number(rng: random.Random, type: Type) -> int:
    """Bits of a number of any class, often near the ends of the exponent range, near integers, or NaN."""
    width, exponent_bits = WIDTHS[type]
    fraction_bits = width - 1 - exponent_bits
    top = (1 << exponent_bits) - 1
    bias = top >> 1
    exponent = (
        rng.choice((0, 1, top - 1, top, bias, bias + rng.randint(-3, 70), rng.randint(0, top), fraction_bits + 1)) & top
    )
    fraction = rng.choice((0, 1, (1 << fraction_bits) - 1, 1 << (fraction_bits - 1), rng.getrandbits(fraction_bits)))
    bits = rng.getrandbits(1) << (width - 1) | exponent << fraction_bits | fraction
    return bits if type == Type.F64 or rng.random() < 0.03 else bits | BOX


def extras(row: OpDef) -> Iterator[tuple[int, ...]]:
    choices = {"rm": Rm, "cond": (Cond.EQ, Cond.LT, Cond.LE), "mode": range(3), "itype": range(4), "neg": range(4)}
    return itertools.product(*(map(int, choices[name]) for name in row.fields if name in choices))


def source_type(row: OpDef, type: Type) -> Type:
    if row.name == "fcvt_f":
        return Type.F32 if type == Type.F64 else Type.F64
    return Type.I64 if row.name in ("fcvt_from_int", "fmv_from_int") else type


def run(machine: Machine, op: tuple[int, ...], host: list[int]) -> int:
    """Run an op, with the helper where it asks for it; the accrued flags."""
    env = machine.env
    env.fflags = 0
    status = machine.run([op], host)
    if status == Status.HELPER:
        assert env.helper == Helper.FP
        assert helper_fp(env) == Action.CONTINUE
        status = machine.runtime.resume(env.address)
    assert status == Status.LOOKUP
    flags: int = env.fflags
    return flags | sum(flag for bit, flag in enumerate(FLAGS) if env.mxcsr >> bit & 1)


@pytest.mark.parametrize("type", [Type.F32, Type.F64], ids=lambda type: type.name)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_op(row: OpDef, type: Type) -> None:
    rng = random.Random(f"{row.name} {type}")
    machine = Machine()
    op_code = code(row.name, type)
    for extra in list(extras(row)) * (3 if row.name == "fma" else 12):
        values = {n: number(rng, kind) if (kind := source_type(row, type)) != Type.I64 else word(rng) for n in OPERANDS}
        d, *sources = (rng.choice(OPERANDS) for _ in range(1 + len(row.inputs)))
        for operand, value in values.items():
            machine.set(operand, value)
        dynamic = rng.choice(list(RC))
        machine.env.mxcsr = 0x1F80 | RC[dynamic]
        flags = run(machine, (op_code, d, *sources, *extra), [79])
        if row.fields[-1] == "rm" and extra[-1] == Rm.DYN:
            extra = (*extra[:-1], dynamic)
        inputs = tuple(values[n] for n in sources)
        result, expected_flags = evaluate(op_code, inputs, extra)
        context = (row.name, type.name, d, sources, [hex(n) for n in inputs], extra)
        assert hex(machine.get(d)) == hex(result), context
        assert flags == expected_flags, context
        assert machine.env.mxcsr & ~0x3F == 0x1F80 | RC[dynamic], context
        assert all(machine.get(n) == values[n] for n in OPERANDS if n != d), context
