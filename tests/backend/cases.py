"""The cases of an op, made from its row of the op table: operand shapes, constants at their edges, and what they hold.

A row whose fields are known here needs nothing more; a field that is not known raises KeyError.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pytcg.tcg.ops import BY_NAME, FLOAT, INPUT_FIELDS, Op, OpDef, code
from pytcg.tcg.state import CONST, ENV, TEMP
from pytcg.tcg.types import MASK64, MO_ALIGN, MO_MODE_SHIFT, Cond, Rm, Type
from pytcg.tcg.verify import FLOAT_CONDITIONS
from tests.backend.target import (
    DEVICE,
    HOST_ADDRESS,
    HOST_BYTES,
    JUMP,
    LEAVE,
    NOTHING,
    OWN,
    PAGE,
    RAM,
    Start,
    scrambler,
)
from tests.tcg.words import word

#: operands that differ for some backend: hottest guest registers, others, floating-point ones, the zero register,
#: temporaries (the first of which get a host register, the last of which are spilled)
OPERANDS = (15, 2, 20, 21, 40, 0, TEMP, TEMP + 1, TEMP + 2)
#: temporaries that are set before and read after each op
TEMPS = 3
IMMEDIATES = (
    *(0, 1, -1, 2, 5, 31, 32, 63, 64, 127, 128, -128, -129, 255, 256, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1),
    *(2**32 - 1, 2**32, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 0x123456789ABC, 2**64 - 128),
)
OFFSETS = (0, 1, 7, 8, -8, 127, 128, -128, -129, 2047, -2048, 2**31 - 1, -(2**31))
END = (code("exit_tb"), 130)
RET = (code("ret"), 0)
MOV, MOVI, LABEL = code("mov", Type.I64), code("movi", Type.I64), code("label")
ATOMIC_SIZES = (2, 3)


class Case(NamedTuple):
    """Ops with the op under test among them, and the state they start from."""

    ops: list[Op]
    temps: int
    start: Start


def shapes(row: OpDef, rng: random.Random, most: int) -> list[tuple[int, ...]]:
    """Operands of an op in the order of its fields: all combinations, or `most` of them at random."""
    choices: list[tuple[int, ...]] = []
    for name in row.fields:
        if name == "d":
            choices.append((*(n for n in OPERANDS if n), *([CONST] if row.name == "call" else [])))
        elif name in INPUT_FIELDS:
            constant = (CONST,) * 3 if name == "b" and row.imm else (CONST,) if row.name == "call" else ()
            choices.append((*OPERANDS, *constant))
    combinations = list(itertools.product(*choices))
    return rng.sample(combinations, most) if len(combinations) > most else combinations


def bits(rng: random.Random) -> tuple[int, int]:
    """Position and length of a bit field, many of them such that it ends about the middle or the end of the word."""
    pos = rng.choice((0, rng.randrange(64)))
    length = rng.choice((1, 8, 16, 31, 32, 33, 64, rng.randint(1, 64)))
    ending = rng.choice([end - pos for end in (32, 33, 63, 64) if end > pos])
    return pos, min(64 - pos, rng.choice((length, ending)))


def number(rng: random.Random, type: Type) -> int:
    """A floating-point number of any class, often at the ends of the exponents, near integers, or NaN; binary32 is
    boxed but for a few."""
    width, exponent_bits = (32, 8) if type == Type.F32 else (64, 11)
    fraction_bits = width - 1 - exponent_bits
    top = (1 << exponent_bits) - 1
    bias = top >> 1
    near = bias + rng.randint(-3, 70)
    exponent = rng.choice((0, 1, top - 1, top, bias, near, rng.randint(0, top), fraction_bits + 1)) & top
    fraction = rng.choice((0, 1, (1 << fraction_bits) - 1, 1 << fraction_bits - 1, rng.getrandbits(fraction_bits)))
    value = rng.getrandbits(1) << width - 1 | exponent << fraction_bits | fraction
    return value if type == Type.F64 or rng.random() < 0.05 else value | 0xFFFFFFFF << 32


def value(row: OpDef, type: Type, rng: random.Random) -> int:
    """What an input holds."""
    if row.name == "goto_ptr":
        return word(rng) & -2
    if row.types is not FLOAT or row.name in ("fcvt_from_int", "fmv_from_int"):
        return word(rng)
    if row.name == "fcvt_f":
        type = Type.F32 if type == Type.F64 else Type.F64
    return number(rng, type)


def access(row: OpDef, rng: random.Random) -> int:
    """Memory-operation bits."""
    if row.name.startswith("atomic_"):
        return rng.choice(ATOMIC_SIZES) | rng.randrange(4) << MO_MODE_SHIFT
    guest = rng.randrange(4) << MO_MODE_SHIFT | rng.choice((0, 0, 0, MO_ALIGN)) if row.may_fault else 0
    return rng.randrange(8) & (7 if row.out else 3) | guest


#: fields that are no operands: what they may be
FIELDS: dict[str, Callable[[OpDef, random.Random], int]] = {
    "cond": lambda row, rng: rng.choice(FLOAT_CONDITIONS if row.types is FLOAT else tuple(Cond)),
    "rm": lambda row, rng: rng.choice(list(Rm)),
    "neg": lambda row, rng: rng.randrange(4),
    "mode": lambda row, rng: rng.randrange(3),
    "itype": lambda row, rng: rng.randrange(4),
    "mop": access,
    "access": lambda row, rng: rng.randrange(2),
    "off": lambda row, rng: rng.choice(OFFSETS),
    "insn": lambda row, rng: rng.choice((0, 2, 4, 4092)),
    "delta": lambda row, rng: rng.choice((0, 4, 8, 126, -2, -128, 4096, -4096, 2**31 - 2, -(2**31))),
    "mask_off": lambda row, rng: OWN + 8 * rng.randrange(4),
    "helper": lambda row, rng: rng.choice((0, 0, JUMP, LEAVE)),
    "label": lambda row, rng: 0,
    "number": lambda row, rng: LSEEK,
    "imm": lambda row, rng: rng.choice(IMMEDIATES),
}


def host_place(rng: random.Random) -> int:
    """A host address with room for 8 bytes around it, aligned or not."""
    return HOST_ADDRESS + rng.choice((16, 17, 20, 64, HOST_BYTES - 16))


def guest_place(rng: random.Random) -> int:
    """A guest address: in RAM, aligned or not, over the end of a page, a device's, nobody's."""
    page = rng.choice((RAM, RAM, RAM + PAGE, RAM + PAGE, RAM + PAGE, DEVICE, NOTHING))
    return page + rng.choice((0, 8, 16, 64, PAGE - 8, 1, 2, 4, PAGE - 1, PAGE - 3, -1, -2, -4, -7))


#: for each op of memory, the field that holds the address, and where that may lead
ADDRESSES: dict[str, tuple[str, Callable[[random.Random], int]]] = {
    "ld": ("a", host_place),
    "st": ("b", host_place),
    "host_cmpxchg": ("a", lambda rng: HOST_ADDRESS + 8 * rng.randrange(HOST_BYTES // 8)),
    **{
        name: ("b" if name == "guest_st" else "a", guest_place)
        for name, row in BY_NAME.items()
        if row.may_fault and "mop" in row.fields
    },
}


#: a call of the host's kernel that shows each of its arguments: a seek in a file
LSEEK, FILE = 8, os.memfd_create("conformance")
SEEK: dict[str, Callable[[random.Random], int]] = {
    "c": lambda rng: rng.choice((os.SEEK_SET, os.SEEK_END, 99)),
    "b": lambda rng: rng.choice((0, 5, 1 << 40, MASK64)),
    "a": lambda rng: FILE,
}


def cases(row: OpDef, type: Type, native: bool, most: int) -> Iterator[Case]:
    """The cases of an op of a type, the same in each run."""
    rng = random.Random(f"{row.name} {type}")
    choices = shapes(row, rng, most)
    names = [name for name in row.fields if name == "d" or name in INPUT_FIELDS]
    others = [word(rng) for _ in range(64)]
    for operands in choices * max(1, most // 2 // len(choices)):
        yield one(row, type, dict(zip(names, operands, strict=True)), others, native, rng)


def one(row: OpDef, type: Type, operands: dict[str, int], others: list[int], native: bool, rng: random.Random) -> Case:
    """The case of some operands; `others`: what globals hold that are no operands."""
    fields = {
        name: operands[name] if name in operands else FIELDS[name](row, rng)
        for name in row.fields
        if name not in ("pos", "len")
    }
    if "pos" in row.fields:
        fields["pos"], fields["len"] = bits(rng)
    if "b" in operands and row.imm and operands["b"] != CONST:
        fields["imm"] = 0
    values = {n: value(row, type, rng) if n else 0 for n in OPERANDS}
    start = Start(
        [],
        tuple(rng.choice((0, word(rng))) for _ in range(4)),
        rng.randbytes(2 * PAGE),
        b"",
        rng.choice((0, 0, 1)),
        rng.randrange(4),
        rng.randrange(0, PAGE, 2),
    )
    if fields.get("helper") == 0:
        fields["helper"] = scrambler(*(operands[name] for name in "abc"))
    if row.name in ADDRESSES:
        place_address(row, fields, values, rng)
    if row.name == "kernel_call":
        fields["a"] = fields["a"] or OPERANDS[0]
        for name, choose in SEEK.items():
            if fields[name]:
                values[fields[name]] = choose(rng)
    host = bytearray(rng.randbytes(HOST_BYTES))
    if row.name == "host_cmpxchg" and rng.random() < 0.6:
        at = values[fields["a"]] - HOST_ADDRESS
        host[at : at + 8] = values[fields["b"]].to_bytes(8, "little")
    op = (code(row.name, type), *(fields[name] for name in row.fields))
    start.host = bytes(host)
    start.globals = [0, *(values.get(n, others[n]) for n in range(1, 64))]
    return Case(around(op, row, values, RET if native else END), TEMPS, start)


def place_address(row: OpDef, fields: dict[str, int], values: dict[int, int], rng: random.Random) -> None:
    """Make the operand that is an address hold one."""
    field, choose = ADDRESSES[row.name]
    address, operand = choose(rng), fields[field]
    if row.name in ("ld", "st") and (operand == 0 or rng.random() < 0.4):
        # the CPU state: aligned or not, within the fields that a guest has of its own
        fields[field], fields["off"] = ENV, OWN + rng.randrange(24)
    elif operand:
        values[operand] = address - fields.get("off", 0) & MASK64
    elif row.name == "host_cmpxchg":
        fields[field] = 15
        values[15] = address
    elif "off" in fields:
        fields["off"] = address


def around(op: Op, row: OpDef, values: dict[int, int], end: Op) -> list[Op]:
    """The op between ops that set the temporaries before, and let them be seen after."""
    temps = [n for n in OPERANDS if n >= TEMP]
    before: list[Op] = [(MOVI, n, values[n]) for n in temps]
    after: list[Op] = [(MOV, 50 + n, temp) for n, temp in enumerate(temps)]
    if row.name == "clock":  # of the counter, only that it runs
        after.insert(0, (code("setcond", Type.I64), op[1], op[1], CONST, 0, Cond.NE))
    if row.ends_block:
        return [*before, op]
    if row.name == "label":
        return [*before, op, *after, end]
    target: list[Op] = [(MOVI, 53, 1), (LABEL, 0)] if "label" in row.fields else []
    if row.name == "br":
        target = [(LABEL, 0)]
    return [*before, op, *target, *after, end]
