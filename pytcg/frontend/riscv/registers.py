"""Registers by name, and as text, for logs and debuggers."""

from __future__ import annotations

from collections.abc import Iterable

from pytcg.frontend.riscv.csr_access import read
from pytcg.frontend.riscv.csr_table import CSRS, NUMBERS
from pytcg.frontend.riscv.state import RiscvEnv


def _run(prefix: str, first: int, last: int) -> list[str]:
    return [f"{prefix}{n}" for n in range(first, last + 1)]


#: by the calling convention (RISC-V ABIs specification, chapter 1)
X_NAMES = (
    "zero",
    "ra",
    "sp",
    "gp",
    "tp",
    *_run("t", 0, 2),
    "s0",
    "s1",
    *_run("a", 0, 7),
    *_run("s", 2, 11),
    *_run("t", 3, 6),
)
F_NAMES = (*_run("ft", 0, 7), "fs0", "fs1", *_run("fa", 0, 7), *_run("fs", 2, 11), *_run("ft", 8, 11))
_PRIVILEGES = {0: "U", 1: "S", 3: "M"}
_SHOWN_NAMES = [
    "mstatus",
    "mip",
    "mie",
    "mideleg",
    "medeleg",
    "mtvec",
    "stvec",
    "mepc",
    "sepc",
    "mcause",
    "scause",
    "mtval",
    "stval",
    "mscratch",
    "sscratch",
    "satp",
    "fcsr",
]
_SHOWN = [CSRS[NUMBERS[name]] for name in _SHOWN_NAMES]


def describe(env: RiscvEnv) -> str:
    """The registers, four (CSRs: two) a line."""
    lines = [f" pc       {env.pc:016x}  privilege {_PRIVILEGES[env.priv]}{'  halted' if env.halted else ''}"]
    shown = [(row.name, read(env, row)) for row in _SHOWN]
    lines += _columns(shown, 2)
    lines += _columns(zip((f"x{n}/{name}" for n, name in enumerate(X_NAMES)), env.globals[:32], strict=True), 4)
    lines += _columns(zip((f"f{n}/{name}" for n, name in enumerate(F_NAMES)), env.globals[32:], strict=True), 4)
    return "\n".join(lines) + "\n"


def registers(env: RiscvEnv) -> dict[str, int]:
    """Registers by name: pc, x0 and zero alike, and the CSRs that `describe` shows."""
    found = {"pc": env.pc, **{row.name: read(env, row) for row in _SHOWN}}
    for numbers, names, first in (("x", X_NAMES, 0), ("f", F_NAMES, 32)):
        for n, name in enumerate(names):
            found[name] = found[f"{numbers}{n}"] = env.globals[first + n]
    return found


def _columns(values: Iterable[tuple[str, int]], columns: int) -> list[str]:
    cells = [f" {name:<8} {value:016x}" for name, value in values]
    return ["".join(cells[at : at + columns]) for at in range(0, len(cells), columns)]
