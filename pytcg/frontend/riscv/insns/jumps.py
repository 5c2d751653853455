"""RV64I: jumps and branches."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.bits import CAUSE_FETCH_MISALIGNED
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import code
from pytcg.tcg.state import CONST
from pytcg.tcg.types import SWAPPED, Cond, Type

ADD, AND, MOV, PC_REL = code("add", Type.I64), code("and", Type.I64), code("mov", Type.I64), code("pc_rel", Type.I64)
BRCOND_TB, GOTO_TB, GOTO_PTR = code("brcond_tb", Type.I64), code("goto_tb"), code("goto_ptr")
BRCOND, LABEL, EXIT_TB = code("brcond", Type.I64), code("label"), code("exit_tb")
TSTEQ = int(Cond.TSTEQ)


def trans_jal(ctx: Translator, rd: int, imm: int) -> None:
    target = ctx.insn + imm
    if target & 3 and not ctx.compressed:
        _raise_misaligned(ctx, target)
        return
    if rd:
        ctx.ops.append((PC_REL, rd, ctx.insn + ctx.length))
    ctx.ops.append((GOTO_TB, target, ctx.insn))
    ctx.done = True


def trans_jalr(ctx: Translator, rd: int, rs1: int, imm: int) -> None:
    ops = ctx.ops
    if ops and ops[-1][0] == PC_REL and ops[-1][1] == rs1 and _jump_far(ctx, rd, rs1, ops[-1][2] + imm & ~1):
        return
    target = ctx.temp()
    if imm:
        ops.append((ADD, target, rs1, CONST, imm))
        rs1 = target
    ops.append((AND, target, rs1, CONST, ~1))
    if not ctx.compressed:
        aligned = ctx.label()
        ops.append((BRCOND, target, CONST, 2, TSTEQ, aligned))
        ctx.raise_with(CAUSE_FETCH_MISALIGNED, target)
        ops.append((LABEL, aligned))
    if rd:
        ops.append((PC_REL, rd, ctx.insn + ctx.length))
    ops.append((GOTO_PTR, target))
    ctx.done = True


def _jump_far(ctx: Translator, rd: int, rs1: int, target: int) -> bool:
    """An auipc and jalr pair as one direct jump, if its target is aligned and its distance has 32 bits."""
    if (target & 3 and not ctx.compressed) or not -0x80000000 <= target < 0x80000000:
        return False
    if rd == rs1:
        ctx.ops.pop()
    trans_jal(ctx, rd, target - ctx.insn)
    if rd == rs1 and ctx.ops[-1][0] == GOTO_TB:
        # After a poll the jump is done again, but rd is no longer what the jalr adds to: begin at the auipc.
        ctx.ops[-1] = (GOTO_TB, target, ctx.auipc)
    return True


def _raise_misaligned(ctx: Translator, target: int) -> None:
    """End the block with the exception of a direct jump to a target that is not a multiple of 4."""
    address = ctx.temp()
    ctx.ops.append((PC_REL, address, target))
    ctx.raise_with(CAUSE_FETCH_MISALIGNED, address)
    ctx.ops.append((EXIT_TB, ctx.insn))
    ctx.done = True


def _branch(cond: Cond) -> Trans:
    """Branch if rs1 cond rs2. A comparison of x0 with a register becomes one of the register with zero."""
    normal, swapped, inverse = int(cond), int(SWAPPED[cond]), int(cond) ^ 1

    def trans(ctx: Translator, rs1: int, rs2: int, imm: int) -> None:
        insn = ctx.insn
        target = insn + imm
        if target & 3 and not ctx.compressed:
            over = ctx.label()
            ctx.ops.append((BRCOND, rs1, rs2, 0, inverse, over))
            _raise_misaligned(ctx, target)
            ctx.ops[-1] = (LABEL, over)
        elif rs1:
            ctx.ops.append((BRCOND_TB, rs1, rs2 or CONST, 0, normal, target, insn))
        else:
            ctx.ops.append((BRCOND_TB, rs2, CONST, 0, swapped, target, insn))
        ctx.ops.append((GOTO_TB, insn + ctx.length, insn))
        ctx.done = True

    return trans


trans_beq = _branch(Cond.EQ)
trans_bne = _branch(Cond.NE)
trans_blt = _branch(Cond.LT)
trans_bge = _branch(Cond.GE)
trans_bltu = _branch(Cond.LTU)
trans_bgeu = _branch(Cond.GEU)
