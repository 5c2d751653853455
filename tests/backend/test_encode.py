"""Every encoding of the table, over registers and addressing forms, against iced-x86's decoder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from iced_x86 import Decoder, Instruction, Mnemonic, OpKind, Register

from pytcg.backend.x86_64 import encode
from pytcg.backend.x86_64.encode import ROWS, Encoding, Mem

NAMES = ["AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"]
CONDITIONS = ["O", "NO", "B", "AE", "E", "NE", "BE", "A", "S", "NS", "P", "NP", "L", "GE", "LE", "G"]
REGISTERS = (0, 1, 3, 4, 5, 6, 8, 12, 13, 15)
SHAPES = itertools.product((0, 3, 4, 5, 12, 13, 15), (0, 8, -128, 128, -(2**31)), (-1, 1, 13))
MEMORY = (*(Mem(*shape) for shape in SHAPES), Mem(encode.RIP, -1234))
IMMEDIATES = {
    "i8": (0, 1, -128, 127),
    "i16": (0, -1, 0x1234),
    "i32": (0, -1, 127, 128, -(2**31), 2**31 - 1),
    "i64": (0, -1, 2**63 - 1, -(2**63)),
    "i": (0, 1, -128, 127, 128, -129, 2**31 - 1, -(2**31)),
}


def register_name(number: int, width: int) -> str:
    if number < 8:
        base = NAMES[number]
        if width == 8:
            return base[0] + "L" if number < 4 else base + "L"
        return {16: "", 32: "E", 64: "R"}[width] + base
    return f"R{number}" + {8: "L", 16: "W", 32: "D", 64: ""}[width]


def choices(kind: str) -> tuple[int | Mem, ...]:
    base = kind.rstrip("0123456789")
    if base == "i":
        return IMMEDIATES[kind]
    if base == "cc":
        return tuple(range(16))
    if base == "m":
        return MEMORY
    if base in ("rm", "xm"):
        return REGISTERS + MEMORY
    return (1,) if base == "cl" else REGISTERS


def variants(row: Encoding) -> Iterator[tuple[int | Mem, ...]]:
    """Each operand over all its choices while the others step through theirs."""
    per_operand = [choices(kind) for kind in row.operands]
    longest = max(map(len, per_operand), default=1)
    for step, shift in itertools.product(range(longest), range(3)):
        yield tuple(options[(step + shift * n) % len(options)] for n, options in enumerate(per_operand))


def expected_mnemonic(row: Encoding, values: tuple[int | Mem, ...]) -> str:
    if row.operands and row.operands[0] == "cc":
        assert isinstance(values[0], int)
        return row.mnemonic + CONDITIONS[values[0]].lower()
    if row.mnemonic == "movd" and row.wide:
        return "movq"
    return row.mnemonic


def check_operand(row: Encoding, kind: str, value: int | Mem, w: int, insn: Instruction, n: int) -> None:
    base, width = kind.rstrip("0123456789"), kind.lstrip("abcdefghijklmnopqrstuvwxyz")
    op_kind = insn.op_kind(n)
    if isinstance(value, Mem):
        assert op_kind == OpKind.MEMORY
        if value.base == encode.RIP:
            assert insn.memory_base == Register.RIP
            assert insn.memory_displacement == (value.disp + insn.len) & (2**64 - 1)
            return
        assert insn.memory_base == getattr(Register, register_name(value.base, 64))
        assert insn.memory_displacement == value.disp & (2**64 - 1)
        index = Register.NONE if value.idx < 0 else getattr(Register, register_name(value.idx, 64))
        assert (insn.memory_index, insn.memory_index_scale) == (index, 1)
    elif base == "i":
        bits = int(width) if width else 64 if w else 32
        assert insn.immediate(n) & ((1 << min(bits, 32)) - 1) == value & ((1 << min(bits, 32)) - 1)
    elif base in ("x", "xm", "xv"):
        assert insn.op_register(n) == getattr(Register, f"XMM{value}")
    elif base == "cl":
        assert insn.op_register(n) == Register.CL
    else:
        bits = int(width) if width else 64 if w else 32
        assert insn.op_register(n) == getattr(Register, register_name(value, bits))


MNEMONICS = {value: name.lower() for name, value in vars(Mnemonic).items() if isinstance(value, int)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.mnemonic} {' '.join(row.operands)}")
def test_row(row: Encoding) -> None:
    for values, w in itertools.product(variants(row), (0, 1) if row.has_w else (0,)):
        code = row(w, *values) if row.has_w else row(*values)
        decoder = Decoder(64, code)
        insn = decoder.decode()
        context = f"{row.mnemonic} {values} w={w}: {code.hex()} = {insn}"
        assert insn.len == len(code), context
        assert MNEMONICS[insn.mnemonic] == expected_mnemonic(row, values), context
        assert insn.has_lock_prefix == bool(row.lock), context
        operands = [(kind, value) for kind, value in zip(row.operands, values, strict=True) if kind != "cc"]
        for n, (kind, value) in enumerate(operands):
            check_operand(row, kind, value, w or row.wide, insn, n)


def test_immediate_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode.add_imm(1, encode.RAX, 2**32)
    with pytest.raises(ValueError, match="does not fit"):
        encode.shl(1, encode.RAX, 256)


def test_short_branches() -> None:
    assert str(Decoder(64, encode.jcc8(encode.NE, 3)).decode()) == "jne short 5"
    assert str(Decoder(64, encode.jmp8(-2)).decode()) == "jmp short 0"
