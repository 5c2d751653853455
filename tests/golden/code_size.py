"""What each guest instruction costs: ops and bytes of host code, of a fixed corpus. `python -m tests.golden.code_size`
writes code_size.txt anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytcg.backend.x86_64.backend import X86Backend
from pytcg.frontend.riscv.decoding import translator
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.isa import configure
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.tcg.passes.optimise import optimise, worth_it
from pytcg.tcg.regalloc import allocate
from tests.ladder.forms import Form, forms, match

PATH = Path(__file__).with_suffix(".txt")
#: FS on, privilege and data accesses of U
FLAGS = 0x10
#: an argument's value, where the instruction has it: registers that are hot, one that is not, small constants
ARGUMENTS = {"rd": 10, "rs1": 11, "rs2": 12, "rs3": 13, "imm": 16, "rm": 7}
#: compilers' common sequences, as words: lui/addi, auipc/addi, compare and branch, load/add/store, a copy loop, a call
SEQUENCES = {
    "lui addi": (0x12345537, 0x67850513),
    "auipc addi": (0x00001517, 0x67850513),
    "slti bnez": (0x00A5A513, 0xFE051EE3),
    "ld add sd": (0x0005B503, 0x00C50533, 0x00A5B023),
    "lb sb addi addi bne": (0x00058283, 0x00560023, 0x00158593, 0x00160613, 0xFED598E3),
    "addi sd jal": (0xFE010113, 0x00113C23, 0x100000EF),
    "ld addi ret": (0x01813083, 0x02010113, 0x00008067),
}


class Size(NamedTuple):
    """Ops after all passes, bytes of hot and of cold code."""

    ops: int
    hot: int
    cold: int


def word_of(form: Form) -> int:
    """An instruction of a form, with the arguments of the corpus where it can have them."""
    word = form.pattern.value
    for name in form.pattern.names:
        if name in ARGUMENTS:
            try:
                word = form.put(word, name, ARGUMENTS[name])
            except ValueError:
                continue
    return word


def corpus() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and words of each block."""
    for form in forms():
        word = word_of(form)
        if match(word) is form.pattern:
            yield form.label, (word,)
    yield from SEQUENCES.items()


def measure() -> dict[str, Size]:
    """By name."""
    guest, backend = RiscvGuest(configure("max")), translator(configure("max"))
    host = X86Backend(LAYOUT, guest.hot_registers)
    sizes = {}
    for name, words in corpus():
        ops, temps = backend.translate_unit(words, FLAGS)
        if worth_it(ops):
            ops = optimise(ops)
        ops = allocate(ops, temps, host.temp_pool)
        blob, entry = host.emit(ops, 0x100, 0)
        sizes[name] = Size(len(ops), len(blob) - entry, entry)
    return sizes


def render(sizes: dict[str, Size]) -> str:
    """The file: a line a block, and the totals."""
    total = Size(*map(sum, zip(*sizes.values(), strict=True)))
    return "".join(
        f"{name:24} {size.ops:4} {size.hot:5} {size.cold:5}\n" for name, size in [*sizes.items(), ("total", total)]
    )


def read() -> dict[str, Size]:
    """What the file says."""
    rows = (line.rsplit(None, 3) for line in PATH.read_text().splitlines())
    return {name: Size(*map(int, numbers)) for name, *numbers in rows}


if __name__ == "__main__":
    PATH.write_text(render(measure()))
