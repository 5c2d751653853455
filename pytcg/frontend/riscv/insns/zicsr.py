"""Zicsr: control and status registers.

Which row of the table is meant, the privilege it asks for and whether it can be written are known when translating.
Plain fields of the CPU state are loaded and stored inline; so are the interrupt-enable bits of mstatus, and `time` is
computed inline. All else is a helper.
"""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.bits import (
    CAUSE_ILLEGAL,
    COUNTER_TM,
    MSTATUS,
    MSTATUS_MIE,
    MSTATUS_SIE,
    PRIV_M,
    PRIV_U,
    SSTATUS,
)
from pytcg.frontend.riscv.csr_interrupts import SERVED
from pytcg.frontend.riscv.csr_table import CSRS, Csr, CsrOp, Effect, Gate
from pytcg.frontend.riscv.helpers import RiscvHelper
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import code
from pytcg.tcg.state import CONST, ENV
from pytcg.tcg.types import MASK64, MO_64, Cond, Type

LD, ST, MOV, MOVI = (code(name, Type.I64) for name in ("ld", "st", "mov", "movi"))
ADD, SUB, AND, OR, ANDC = (code(name, Type.I64) for name in ("add", "sub", "and", "or", "andc"))
MULUH, CLOCK, BRCOND = (code(name, Type.I64) for name in ("muluh", "clock", "brcond"))
LABEL, BR, EXIT_TB = code("label"), code("br"), code("exit_tb")
EQ, NE, TSTNE = int(Cond.EQ), int(Cond.NE), int(Cond.TSTNE)
PENDING, MCOUNTEREN, SCOUNTEREN = (LAYOUT.offset[name] for name in ("pending", "mcounteren", "scounteren"))
CLOCK_START, CLOCK_MULT, CLOCK_OFFSET = (LAYOUT.offset[f"clock_{part}"] for part in ("start", "mult", "offset"))
#: the views of mstatus: bits that a write may change, and those of them that only enable interrupts
STATUS = {"sstatus": (SSTATUS, MSTATUS_SIE), "mstatus": (MSTATUS, MSTATUS_SIE | MSTATUS_MIE)}
#: CSRs that have a compiled helper of their own
HELPERS = {
    **dict.fromkeys(("fflags", "frm", "fcsr"), RiscvHelper.FLOAT_CSR),
    **dict.fromkeys(SERVED, RiscvHelper.INTERRUPT_CSR),
    "senvcfg": RiscvHelper.SENVCFG,
}

#: an operand of an instruction, as the fields `b` and `imm` of an op
Source = tuple[int, int]


def _csr(ctx: Translator, op: CsrOp, rd: int, number: int, source: Source) -> None:
    row = CSRS.get(number)
    if row is None or row.privilege > ctx.priv or (row.read_only and op != CsrOp.READ):
        ctx.illegal()
    elif row.name in STATUS:
        _status(ctx, row, op, rd, source)
    elif row.name == "time" and ctx.priv != PRIV_M:
        _time(ctx, rd)
    elif row.name == "satp" and op == CsrOp.WRITE and not rd:
        ctx.call(RiscvHelper.WRITE_SATP, _register(ctx, source), CONST, ctx.constant(ctx.word))
        _end(ctx)
    elif row.field and row.gate == Gate.OPEN and (op == CsrOp.READ or (row.plain and row.effect == Effect.NONE)):
        _plain(ctx, row, op, rd, source)
    else:
        _helper(ctx, row, op, rd, source)


def _end(ctx: Translator) -> None:
    ctx.ops.append((EXIT_TB, ctx.insn + ctx.length))
    ctx.done = True


def _register(ctx: Translator, source: Source) -> int:
    operand, imm = source
    return ctx.constant(imm) if operand == CONST else operand


def _modify(ctx: Translator, op: CsrOp, old: int, source: Source) -> int:
    """The value that an instruction writes, in a new temporary unless it is a register's."""
    if op == CsrOp.WRITE:
        return _register(ctx, source)
    new = ctx.temp()
    ctx.ops.append((OR if op == CsrOp.SET else ANDC, new, old, *source))
    return new


def _masked(ctx: Translator, value: int, mask: int) -> int:
    if mask == MASK64:
        return value
    result = ctx.temp()
    ctx.ops.append((AND, result, value, CONST, mask))
    return result


def _plain(ctx: Translator, row: Csr, op: CsrOp, rd: int, source: Source) -> None:
    """A field of the CPU state, which holds no bits outside of the mask."""
    old = CONST
    if rd or op in (CsrOp.SET, CsrOp.CLEAR):
        # rd may be the register that is written.
        old = rd if rd and (op == CsrOp.READ or rd != source[0]) else ctx.temp()
        ctx.ops.append((LD, old, ENV, row.offset, MO_64))
    if op != CsrOp.READ:
        new = _masked(ctx, _modify(ctx, op, old, source), row.mask)
        ctx.ops.append((ST, new, ENV, row.offset, MO_64))
    if rd and old != rd:
        ctx.ops.append((MOV, rd, old))


def _check_interrupts(ctx: Translator) -> None:
    """Take an interrupt before the next instruction, if one is pending and enabled."""
    pending, none = ctx.temp(), ctx.label()
    ctx.ops += ((LD, pending, ENV, PENDING, MO_64), (BRCOND, pending, CONST, 0, EQ, none))
    ctx.call(RiscvHelper.CHECK_INTERRUPTS)
    ctx.ops.append((LABEL, none))


def _status(ctx: Translator, row: Csr, op: CsrOp, rd: int, source: Source) -> None:
    """mstatus and sstatus: enabling and disabling interrupts is inline, known as such here or when it runs."""
    ops = ctx.ops
    writable, enables = STATUS[row.name]
    old = new = wide = CONST
    if rd or op in (CsrOp.SET, CsrOp.CLEAR):
        old = ctx.temp()
        ops.append((LD, old, ENV, row.offset, MO_64))
    if op in (CsrOp.SET, CsrOp.CLEAR) and source[0] != CONST:
        wide = ctx.temp()
        ops.append((AND, wide, source[0], CONST, ~enables & MASK64))
    if op != CsrOp.READ:
        new = _modify(ctx, op, old, source)
    if rd:
        if new == rd:
            new = ctx.temp()
            ops.append((MOV, new, rd))
        ops.append((AND, rd, old, CONST, row.mask))
    if op == CsrOp.READ:
        return
    end, slow = ctx.label(), ctx.label()
    narrow = op != CsrOp.WRITE and (source[0] != CONST or not source[1] & ~enables)
    if narrow:
        if wide != CONST:
            ops.append((BRCOND, wide, CONST, 0, NE, slow))
        ops.append((ST, new, ENV, row.offset, MO_64))
        if op == CsrOp.SET:
            _check_interrupts(ctx)
        if wide == CONST:
            return
        ops += ((BR, end), (LABEL, slow))
    ctx.call(RiscvHelper.WRITE_STATUS, new, ctx.constant(writable))
    if narrow:
        ops.append((LABEL, end))


def _time(ctx: Translator, rd: int) -> None:
    """Guest time in S and U, where mcounteren and scounteren let it be seen."""
    ops = ctx.ops
    enabled, visible = ctx.temp(), ctx.label()
    ops.append((LD, enabled, ENV, MCOUNTEREN, MO_64))
    if ctx.priv == PRIV_U:
        too = ctx.temp()
        ops += ((LD, too, ENV, SCOUNTEREN, MO_64), (AND, enabled, enabled, too, 0))
    ops.append((BRCOND, enabled, CONST, COUNTER_TM, TSTNE, visible))
    ctx.raise_with(CAUSE_ILLEGAL, ctx.constant(ctx.word))
    ops.append((LABEL, visible))
    if rd:
        ticks, field = ctx.temp(), ctx.temp()
        ops += (
            (CLOCK, ticks),
            (LD, field, ENV, CLOCK_START, MO_64),
            (SUB, ticks, ticks, field, 0),
            (LD, field, ENV, CLOCK_MULT, MO_64),
            (MULUH, ticks, ticks, field, 0),
            (LD, field, ENV, CLOCK_OFFSET, MO_64),
            (ADD, rd, ticks, field, 0),
        )


def _helper(ctx: Translator, row: Csr, op: CsrOp, rd: int, source: Source) -> None:
    value = CONST if op == CsrOp.READ else _register(ctx, source)
    helper = HELPERS.get(row.name, RiscvHelper.CSR)
    ctx.call(helper, ctx.constant(row.number), value, ctx.constant(op | ctx.word << 8), rd or CONST)
    if op != CsrOp.READ:
        if row.effect & Effect.INTERRUPTS:
            _check_interrupts(ctx)
        if row.effect & Effect.TRANSLATION:
            _end(ctx)


def _by_register(op: CsrOp) -> Trans:
    """Setting or clearing by x0 does not write."""

    def trans(ctx: Translator, rd: int, rs1: int, csr: int) -> None:
        _csr(ctx, op if rs1 or op == CsrOp.WRITE else CsrOp.READ, rd, csr, (rs1, 0) if rs1 else (CONST, 0))

    return trans


def _by_immediate(op: CsrOp) -> Trans:
    """Setting or clearing by 0 does not write."""

    def trans(ctx: Translator, rd: int, imm: int, csr: int) -> None:
        _csr(ctx, op if imm or op == CsrOp.WRITE else CsrOp.READ, rd, csr, (CONST, imm))

    return trans


trans_csrrw, trans_csrrs, trans_csrrc = (_by_register(op) for op in (CsrOp.WRITE, CsrOp.SET, CsrOp.CLEAR))
trans_csrrwi, trans_csrrsi, trans_csrrci = (_by_immediate(op) for op in (CsrOp.WRITE, CsrOp.SET, CsrOp.CLEAR))
