"""Unicorn as the judge, an instruction at a time, and models of what it lacks or does otherwise.

EXCEPTIONS names the models and the section that settles each.
"""

from __future__ import annotations

from collections.abc import Callable

import unicorn
from unicorn import riscv_const

from pytcg.frontend.riscv.bits import CAUSE_ILLEGAL, CAUSE_LOAD_MISALIGNED, CAUSE_STORE_MISALIGNED
from pytcg.tcg.types import MASK32, MASK64
from tests.ladder.board import CODE, CODE_PAGES, DATA, DATA_PAGES, PAGE, State
from tests.ladder.forms import Form, form_of
from tests.ladder.models import MODELS

EXCEPTIONS = {
    "boxing": "a single is NaN-boxed, or reads as the canonical NaN (Unprivileged ISA manual, 21.2)",
    "minimum": "fmin and fmax are minimumNumber and maximumNumber (Unprivileged ISA manual, 20.6)",
    "invalid product": "infinity times zero raises NV, with a NaN to be added too (Unprivileged ISA manual, 20.6)",
    "alignment": "lr and sc of misaligned addresses trap (Unprivileged ISA manual, 14.2)",
    "new": "Zba, Zbb, Zbc, Zbs, Zicond, Zicbom, Zicboz and Zawrs are not implemented",
}
X = [getattr(riscv_const, f"UC_RISCV_REG_X{n}") for n in range(32)]
F = [getattr(riscv_const, f"UC_RISCV_REG_F{n}") for n in range(32)]
PC, MSTATUS = riscv_const.UC_RISCV_REG_PC, riscv_const.UC_RISCV_REG_MSTATUS
FCSR = riscv_const.UC_RISCV_REG_FCSR
BOX, CANONICAL = MASK64 & ~MASK32, 0xFFFFFFFF7FC00000
CACHE_BLOCK = 64
FRM_BITS = 5
MAX_STEPS = 400
#: instructions that do nothing which can be seen here
NOTHING = {"cbo_inval", "cbo_clean", "cbo_flush", "wrs_nto", "wrs_sto"}
NV = 16


class NoProgramError(Exception):
    """A program that does not come to its end, or leaves its memory."""


def reads_singles(form: Form) -> bool:
    """Whether the f registers that an instruction reads are read as singles."""
    name = form.name
    return (form.table == "rv64f" and name[:3] not in ("flw", "fsw", "fmv") and name[:7] not in (
        "fcvt_s_w", "fcvt_s_l"
    )) or name == "fcvt_d_s"  # fmt: skip


def writes_single(form: Form) -> bool:
    """Whether an instruction writes a single to an f register."""
    name = form.name
    if form.table == "rv64f":
        return name not in ("fsw", "feq_s", "flt_s", "fle_s", "fclass_s", "fmv_x_w") and name[:6] not in (
            "fcvt_w", "fcvt_l"
        )  # fmt: skip
    return name == "fcvt_s_d"


class Oracle:
    """Executes programs on memory at the addresses of `board`. `trace`: the forms executed by the last one."""

    def __init__(self) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
        self.uc.mem_map(CODE, CODE_PAGES * PAGE)
        self.uc.mem_map(DATA, DATA_PAGES * PAGE)
        self.uc.reg_write(MSTATUS, 0x6000)
        self.trace: list[tuple[int, int, Form]] = []

    def run(self, code: bytes, start: State) -> State:
        """The state at the first trap; the pc of a step out of the program is an error. Raises NoProgramError."""
        uc = self.uc
        uc.mem_write(DATA, start.data)
        uc.mem_write(start.pc, code)
        uc.ctl_remove_cache(CODE, CODE + CODE_PAGES * PAGE)
        for n in range(1, 32):
            uc.reg_write(X[n], start.x[n])
        for n in range(32):
            uc.reg_write(F[n], start.f[n])
        uc.reg_write(FCSR, start.frm << FRM_BITS | start.fflags)
        self.trace.clear()
        pc, trap = start.pc, None
        while trap is None:
            if len(self.trace) == MAX_STEPS:
                raise NoProgramError
            at = pc - start.pc
            if not 0 <= at < len(code):
                raise NoProgramError
            word = int.from_bytes(code[at : at + 4], "little")
            word &= MASK32 if word & 3 == 3 else 0xFFFF
            form = form_of(word)
            if form is None or form.name == "illegal":
                trap = (CAUSE_ILLEGAL, word)
            elif form.name == "ecall":
                trap = (-1, 0)
            else:
                self.trace.append((pc, word, form))
                pc, trap = self.step(pc, word, form)
        fcsr = uc.reg_read(FCSR)
        data = bytes(uc.mem_read(DATA, DATA_PAGES * PAGE))
        return State(
            list(uc.reg_read_batch(X)), list(uc.reg_read_batch(F)), fcsr >> FRM_BITS, fcsr & 31, data, pc, trap
        )

    def step(self, pc: int, word: int, form: Form) -> tuple[int, tuple[int, int] | None]:
        """Execute one instruction: the pc after it, and the trap that it ended in."""
        uc, name = self.uc, form.name
        arguments = form.arguments(word)
        if name in NOTHING:
            return pc + form.size, None
        model = MODELS.get(name)
        if model:
            self.model(arguments, model)
            return pc + form.size, None
        if name == "cbo_zero":
            uc.mem_write(self.x(arguments["rs1"]) & -CACHE_BLOCK, bytes(CACHE_BLOCK))
            return pc + form.size, None
        if form.table == "rv64a":
            address = self.x(arguments["rs1"])
            if address & (7 if name[-1] == "d" else 3):
                cause = CAUSE_LOAD_MISALIGNED if name[:2] == "lr" else CAUSE_STORE_MISALIGNED
                return pc, (cause, address)
        if form.table in ("rv64f", "rv64d"):
            return self.float(pc, word, form, arguments)
        return self.native(pc, word, form)

    def x(self, number: int) -> int:
        """An integer register."""
        return int(self.uc.reg_read(X[number])) if number else 0

    def model(self, arguments: dict[str, int], function: Callable[[int, int], int]) -> None:
        """An integer instruction of two inputs."""
        second = arguments["imm"] if "imm" in arguments else self.x(arguments.get("rs2", 0))
        if arguments["rd"]:
            self.uc.reg_write(X[arguments["rd"]], function(self.x(arguments["rs1"]), second) & MASK64)

    def native(self, pc: int, word: int, form: Form) -> tuple[int, tuple[int, int] | None]:
        """Let Unicorn do it."""
        uc = self.uc
        try:
            uc.emu_start(pc, pc + form.size, count=1)
        except unicorn.UcError as error:
            if error.errno == unicorn.UC_ERR_EXCEPTION:
                return pc, (CAUSE_ILLEGAL, word)
            raise NoProgramError from error
        return int(uc.reg_read(PC)), None

    def float(self, pc: int, word: int, form: Form, arguments: dict[str, int]) -> tuple[int, tuple[int, int] | None]:
        """A floating-point instruction, with singles unboxed before and boxed after it."""
        uc = self.uc
        unboxed: dict[int, int] = {}
        if reads_singles(form):
            for operand in {"rs1", "rs2", "rs3"} & set(arguments):
                number = arguments[operand]
                value = uc.reg_read(F[number])
                if value < BOX:
                    unboxed[number] = value
                    uc.reg_write(F[number], CANONICAL)
        minimum = self.minimum(form, arguments) if form.name[:4] in ("fmin", "fmax") else None
        invalid = "rs3" in arguments and self.invalid_product(form, arguments)
        result = self.native(pc, word, form)
        if invalid and not result[1]:
            uc.reg_write(FCSR, uc.reg_read(FCSR) | NV)
        integer = form.name[:3] in ("feq", "flt", "fle", "fcl") or form.name[:6] in ("fcvt_w", "fcvt_l")
        for number, value in unboxed.items():
            if integer or number != arguments["rd"] or result[1]:
                uc.reg_write(F[number], value)
        if minimum is not None:
            uc.reg_write(F[arguments["rd"]], minimum)
        if writes_single(form) and not result[1]:
            rd = F[arguments["rd"]]
            uc.reg_write(rd, BOX | uc.reg_read(rd) & MASK32)
        return result

    def invalid_product(self, form: Form, arguments: dict[str, int]) -> bool:
        """Whether an instruction multiplies infinity by zero."""
        infinity, mask = (0x7F800000, MASK32 >> 1) if form.name[-1] == "s" else (0x7FF << 52, MASK64 >> 1)
        return {int(self.uc.reg_read(F[arguments[name]])) & mask for name in ("rs1", "rs2")} == {0, infinity}

    def minimum(self, form: Form, arguments: dict[str, int]) -> int | None:
        """What fmin and fmax give where an input is a signalling NaN: the other input."""
        exponent, quiet, canonical = (
            (0x7F800000, 1 << 22, CANONICAL) if form.name[-1] == "s" else (0x7FF << 52, 1 << 51, 0x7FF8 << 48)
        )
        fraction = (exponent & -exponent) - 1
        values = [int(self.uc.reg_read(F[arguments[name]])) for name in ("rs1", "rs2")]
        nans = [value & exponent == exponent and value & fraction != 0 for value in values]
        if not any(nan and not value & quiet for nan, value in zip(nans, values, strict=True)):
            return None
        numbers = [value for nan, value in zip(nans, values, strict=True) if not nan]
        return numbers[0] if numbers else canonical
