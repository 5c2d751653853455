"""Checks that a list of flat ops is a well-formed block or native routine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytcg.tcg.ops import OPS, Op, OpDef
from pytcg.tcg.passes.liveness import BARRIERS, ENTRY, LABEL_OP, live_at_labels
from pytcg.tcg.state import CONST, ENV, HOST_REG, MAX_HELPERS, NUM_GLOBALS, NUM_SPILLS, SPILL, TEMP
from pytcg.tcg.text import format_op
from pytcg.tcg.types import Cond, Rm


class VerifyError(ValueError):
    """An op, or a list of ops, is not well-formed. The message names the place and the fault."""


INT32 = range(-(1 << 31), 1 << 31)
#: values that a field may have; operands are checked by `_operand`, `pos` and `len` together
RANGES = {
    "imm": range(-(1 << 63), 1 << 64),
    "off": INT32,
    "delta": INT32,
    "mask_off": INT32,
    "insn": range(0, 4096, 2),
    "mop": range(64),
    "access": range(2),
    "cond": range(len(Cond)),
    "label": range(1 << 31),
    "helper": range(MAX_HELPERS),
    "rm": tuple(Rm),
    "neg": range(4),
    "mode": range(3),
    "itype": range(4),
    "pos": range(64),
    "len": range(1, 65),
}
#: conditions that fcmp has
FLOAT_CONDITIONS = (Cond.EQ, Cond.LT, Cond.LE)
#: where ENV may stand
ENV_FIELDS = {"ld": "a", "st": "b"}


def verify(ops: Sequence[Op], temps: int, *, allocated: bool = False, host_registers: bool = False) -> None:
    """Raise VerifyError unless `ops` is well-formed.

    `temps`: how many temporaries were handed out. `allocated`: register allocation is done, so there are no
    temporaries, but host registers and spill slots. `host_registers`: allow them before allocation too, as native
    routines do.
    """
    operand_ok = _operand_check(temps, allocated, host_registers)
    for position, op in enumerate(ops):
        fault = _check_op(op, operand_ok)
        if fault:
            raise VerifyError(f"op {position}, {_describe(op)}: {fault}")
    _check_flow(ops)


def _describe(op: Op) -> str:
    try:
        return format_op(op)
    except (ValueError, IndexError):
        return str(op)


def _operand_check(temps: int, allocated: bool, host_registers: bool) -> Callable[[int], bool]:
    """Whether a number is that of a value at this stage of the compiler."""
    allowed = set(range(NUM_GLOBALS))
    if allocated or host_registers:
        allowed |= set(range(HOST_REG, SPILL))
    if allocated:
        allowed |= set(range(SPILL, SPILL + NUM_SPILLS))
    else:
        allowed |= set(range(TEMP, TEMP + temps))
    return allowed.__contains__


def _check_op(op: Op, operand_ok: Callable[[int], bool]) -> str:
    """What is wrong with one op; empty if nothing is."""
    if not op or not 0 <= op[0] >> 3 < len(OPS):
        return "no such op"
    row = OPS[op[0] >> 3]
    if op[0] & 7 not in row.types:
        return "the op does not have this type"
    if len(op) != len(row.fields) + 1:
        return f"{len(row.fields)} fields expected"
    values = dict(zip(row.fields, op[1:], strict=True))
    for field, value in values.items():
        allowed = RANGES.get(field)
        if allowed is not None and value not in allowed:
            return f"{field} out of range"
        if allowed is None and not _operand_fits(row, field, value, operand_ok):
            return f"operand {value} may not be {field}"
    if values.get("b") != CONST and row.imm and "b" in values and values["imm"] != 0:
        return "imm without CONST"
    if "len" in values and values["pos"] + values["len"] > 64:
        return "bit field beyond bit 63"
    if row.name == "fcmp" and values["cond"] not in FLOAT_CONDITIONS:
        return "condition not for floating point"
    return ""


def _operand_fits(row: OpDef, field: str, value: int, operand_ok: Callable[[int], bool]) -> bool:
    if value == CONST:
        return row.name == "call" or (field == "b" and row.imm > 0)
    if value == ENV:
        return ENV_FIELDS.get(row.name) == field
    return operand_ok(value) and not (field == "d" and value == 0)


def _check_flow(ops: Sequence[Op]) -> None:
    """Control flow: one end, labels, and temporaries defined on every way to their use."""
    labels = [op[1] for op in ops if op[0] >> 3 == LABEL_OP]
    if len(labels) != len(set(labels)):
        raise VerifyError("a label is placed twice")
    for position, op in enumerate(ops):
        row = OPS[op[0] >> 3]
        if "label" in row.fields and op[row.fields.index("label") + 1] not in labels:
            raise VerifyError(f"op {position}, {format_op(op)}: no such label")
        last = position == len(ops) - 1
        leaves = row.number in BARRIERS
        if leaves and not last and ops[position + 1][0] >> 3 != LABEL_OP:
            raise VerifyError(f"op {position}, {format_op(op)}: not the last op")
        if last and not leaves:
            raise VerifyError(f"op {position}, {format_op(op)}: control runs off the end")
    if not ops:
        raise VerifyError("no ops")
    undefined = live_at_labels(ops)[ENTRY]
    if undefined:
        raise VerifyError(f"temporary {min(undefined) - TEMP} may be used before it is assigned")
