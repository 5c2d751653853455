"""Every encoding of the table against a real assembler (binutils), over classes of registers, addressing forms,
displacements and immediates.

Each row is called and also written in assembly language; that the two give the same instruction is judged by a
disassembler of others (iced-x86). Rows have their operands from the table, so none is left out.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from iced_x86 import Decoder, Formatter, FormatterSyntax

from pytcg.backend.x86_64 import encode
from pytcg.backend.x86_64.encode import ROWS, Encoding, Mem, Operand

CONDITIONS = ("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g")
NAMES = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
#: of each class: legacy, low bytes that need REX, rsp and rbp and what shares their encodings, extended
REGISTERS = (0, 1, 3, 4, 5, 6, 8, 12, 13, 15)
DISPLACEMENTS = (0, 8, -128, 127, 128, -129, 2**31 - 1, -(2**31))
SHAPES = itertools.product((0, 3, 4, 5, 12, 13, 15), DISPLACEMENTS, (-1, 1, 13))
MEMORY = (*(Mem(*shape) for shape in SHAPES), Mem(encode.RIP, -1234), Mem(encode.RIP, 2**31 - 1))
IMMEDIATES = {
    "i8": (0, 1, -128, 127),
    "i16": (0, -1, 0x1234),
    "i32": (0, -1, 127, 128, -(2**31), 2**31 - 1),
    "i64": (0, -1, 2**63 - 1, -(2**63)),
    "i": (0, 1, -128, 127, 128, -129, 2**31 - 1, -(2**31)),
}
SIZES = {8: "byte", 16: "word", 32: "dword", 64: "qword"}


#: what has no row, with its text in assembly language
WITHOUT_ROW = {
    "{disp32} jmp .+5": encode.JMP32 + bytes(4),
    "call .+5": encode.CALL32 + bytes(4),
    "jmp .": encode.jmp8(-2),
    **{f"j{name} .+5": encode.jcc8(n, 3) for n, name in enumerate(CONDITIONS)},
    **{f"{{disp32}} j{name} .+6": encode.jcc32(n) + bytes(4) for n, name in enumerate(CONDITIONS)},
    "ret": encode.RET,
    "cdq": encode.CDQ[0],
    "cqo": encode.CDQ[1],
    "rdtsc": encode.RDTSC,
    "syscall": encode.SYSCALL,
    "nop": encode.NOPS[1],
    "xchg ax, ax": encode.NOPS[2],
    "nop dword ptr [rax]": encode.NOPS[3],
    "{disp8} nop dword ptr [rax]": encode.NOPS[4],
}
FORMATTER = Formatter(FormatterSyntax.INTEL)


class Sample(NamedTuple):
    """One instruction: its bytes, and its text in assembly language."""

    code: bytes
    text: str


def register(number: int, width: int) -> str:
    """Its name in assembly language."""
    if number >= 8:
        return f"r{number}" + {8: "b", 16: "w", 32: "d", 64: ""}[width]
    base = NAMES[number]
    if width == 8:
        return (base[0] if number < 4 else base) + "l"
    return {16: "", 32: "e", 64: "r"}[width] + base


def choices(kind: str) -> tuple[Operand, ...]:
    """What an operand may be."""
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


def operands(row: Encoding) -> Iterator[tuple[Operand, ...]]:
    """All registers with all registers, and each choice of an operand with some of the others."""
    options = [choices(kind) for kind in row.operands]
    registers = [[value for value in values if isinstance(value, int)][:10] or values[:4] for values in options]
    yield from itertools.product(*registers)
    for step, shift in itertools.product(range(max(map(len, options))), range(3)):
        yield tuple(values[(step + shift * n) % len(values)] for n, values in enumerate(options))


def text(row: Encoding, values: tuple[Operand, ...], w: int) -> str:
    """The instruction in assembly language."""
    mnemonic, parts = row.mnemonic, []
    for kind, value in zip(row.operands, values, strict=True):
        base, width = kind.rstrip("0123456789"), int(kind.lstrip("abcdefghijklmnopqrstuvwxyz") or (64 if w else 32))
        if base == "cc":
            assert isinstance(value, int)
            mnemonic += CONDITIONS[value]
        elif isinstance(value, Mem):
            name = "rip" if value.base == encode.RIP else register(value.base, 64)
            index = f"+{register(value.idx, 64)}*1" if value.idx >= 0 else ""
            size = f"{SIZES[width]} ptr " if base == "rm" or (base == "m" and row.has_w) else ""
            parts.append(f"{size}[{name}{index}{value.disp:+d}]")
        elif base == "i":
            parts.append(str(value))
        elif base in ("x", "xm", "xv"):
            parts.append(f"xmm{value}")
        else:
            parts.append("cl" if base == "cl" else register(value, width))
    if "i64" in row.operands:
        mnemonic = "movabs"
    if row.mnemonic == "rcr":
        parts.append("1")
    return f"{'lock ' * row.lock}{mnemonic} {', '.join(parts)}"


def samples(row: Encoding) -> Iterator[Sample]:
    for w, values in itertools.product((0, 1) if row.has_w else (0,), operands(row)):
        code = row(w, *values) if row.has_w else row(*values)
        yield Sample(code, text(row, values, w or row.wide))


def read(code: bytes) -> tuple[str, int]:
    """The instruction that some bytes begin with, as the disassembler shows it, and its length."""
    instruction = Decoder(64, code).decode()
    if instruction.is_ip_rel_memory_operand:  # from an address that makes the one shown its displacement
        instruction = Decoder(64, code, ip=2**64 - instruction.len).decode()
    return FORMATTER.format(instruction), instruction.len


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the assembler makes of all samples, in the order of the tests."""
    if not shutil.which("as"):
        pytest.skip("not run: there is no assembler (Debian: binutils)")
    directory: Path = tmp_path_factory.mktemp("encode")
    source, object_file, binary = (directory / name for name in ("all.s", "all.o", "all.bin"))
    texts = [sample.text for row in ROWS for sample in samples(row)]
    source.write_text("\n".join([".intel_syntax noprefix", *texts, *WITHOUT_ROW, ""]))
    subprocess.run(["as", "--64", source, "-o", object_file], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", object_file, binary], check=True)
    return binary.read_bytes()


def test_all_encodings(assembled: bytes) -> None:
    at, wrong = 0, []
    others = [Sample(code, text) for text, code in WITHOUT_ROW.items()]
    for sample in itertools.chain(*map(samples, ROWS), others):
        expected, length = read(assembled[at : at + 15])
        if read(sample.code) != (expected, len(sample.code)):
            wrong.append(f"{sample.text}: {sample.code.hex()} is {read(sample.code)[0]}")
        at += length
    assert not wrong
    assert at == len(assembled)


def test_immediate_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode.add_imm(1, encode.RAX, 2**32)
    with pytest.raises(ValueError, match="does not fit"):
        encode.shl(1, encode.RAX, 256)


def test_every_constant_is_among_them() -> None:
    constants = [value for value in vars(encode).values() if isinstance(value, bytes)]
    assert all(any(code.startswith(value) for code in WITHOUT_ROW.values()) for value in constants)
