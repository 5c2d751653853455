"""RV64I: integer arithmetic. Jumps and branches are in `jumps`, loads and stores in `memory`."""

from __future__ import annotations

from pytcg.frontend.riscv.insns.common import binary, binary_imm, compare, compare_imm
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST
from pytcg.tcg.types import Cond, Type

ADD, SUB, XOR = code("add", Type.I64), code("sub", Type.I64), code("xor", Type.I64)
ADD32, SUB32, NEG, NEG32 = code("add", Type.I32), code("sub", Type.I32), code("neg", Type.I64), code("neg", Type.I32)
MOV, MOVI, NOT, PC_REL = code("mov", Type.I64), code("movi", Type.I64), code("not", Type.I64), code("pc_rel", Type.I64)
SEXTRACT, SETCOND, MB = code("sextract", Type.I64), code("setcond", Type.I64), code("mb")
NE, LTU = int(Cond.NE), int(Cond.LTU)
# The predecessor and successor sets of a fence: writes to memory or devices, reads from them.
FENCE_WRITES, FENCE_READS = 0b0101, 0b1010


def trans_lui(ctx: Translator, rd: int, imm: int) -> Op | None:
    return (MOVI, rd, imm) if rd else None


def trans_auipc(ctx: Translator, rd: int, imm: int) -> None:
    if rd:
        ctx.auipc = ctx.insn
        ctx.ops.append((PC_REL, rd, ctx.insn + imm))


def trans_addi(ctx: Translator, rd: int, rs1: int, imm: int) -> Op | None:
    """addi, with the forms that compilers write for it: li, mv, and the second half of an auipc pair."""
    if not rd:
        return None
    if not rs1:
        return MOVI, rd, imm
    if not imm:
        return MOV, rd, rs1
    if rd != rs1:
        return ADD, rd, rs1, CONST, imm
    ops = ctx.ops
    if ops and ops[-1][0] == PC_REL and ops[-1][1] == rd:
        ops[-1] = (PC_REL, rd, ops[-1][2] + imm)
    else:
        ops.append((ADD, rd, rs1, CONST, imm))
    return None


def trans_addiw(ctx: Translator, rd: int, rs1: int, imm: int) -> Op | None:
    """addiw; with a zero immediate sext.w."""
    if not rd:
        return None
    return (ADD32, rd, rs1, CONST, imm) if imm else (SEXTRACT, rd, rs1, 0, 32)


def trans_xori(ctx: Translator, rd: int, rs1: int, imm: int) -> Op | None:
    """xori; with -1 not."""
    if not rd:
        return None
    return (NOT, rd, rs1) if imm == -1 else (XOR, rd, rs1, CONST, imm)


def trans_add(ctx: Translator, rd: int, rs1: int, rs2: int) -> Op | None:
    """add, and mv, which is how c.mv expands."""
    if not rd:
        return None
    return (ADD, rd, rs1, rs2, 0) if rs1 and rs2 else (MOV, rd, rs1 or rs2)


def trans_sub(ctx: Translator, rd: int, rs1: int, rs2: int) -> Op | None:
    if not rd:
        return None
    return (SUB, rd, rs1, rs2 or CONST, 0) if rs1 else (NEG, rd, rs2)


def trans_subw(ctx: Translator, rd: int, rs1: int, rs2: int) -> Op | None:
    if not rd:
        return None
    return (SUB32, rd, rs1, rs2 or CONST, 0) if rs1 else (NEG32, rd, rs2)


def trans_sltu(ctx: Translator, rd: int, rs1: int, rs2: int) -> Op | None:
    """sltu; with x0 as its first operand snez."""
    if not rd:
        return None
    return (SETCOND, rd, rs1, rs2 or CONST, 0, LTU) if rs1 else (SETCOND, rd, rs2, CONST, 0, NE)


def trans_fence(ctx: Translator, pred: int, succ: int) -> None:
    """A fence is a barrier op only if it orders writes before reads: hosts keep all other orders by themselves."""
    if pred & FENCE_WRITES and succ & FENCE_READS:
        ctx.ops.append((MB,))


trans_slt = compare(Cond.LT)
trans_slti = compare_imm(Cond.LT)
trans_sltiu = compare_imm(Cond.LTU)

trans_and = binary("and")
trans_or = binary("or")
trans_xor = binary("xor")
trans_sll = binary("shl")
trans_srl = binary("shr")
trans_sra = binary("sar")
trans_addw = binary("add", Type.I32)
trans_sllw = binary("shl", Type.I32)
trans_srlw = binary("shr", Type.I32)
trans_sraw = binary("sar", Type.I32)

trans_andi = binary_imm("and")
trans_ori = binary_imm("or")
trans_slli = binary_imm("shl")
trans_srli = binary_imm("shr")
trans_srai = binary_imm("sar")
trans_slliw = binary_imm("shl", Type.I32)
trans_srliw = binary_imm("shr", Type.I32)
trans_sraiw = binary_imm("sar", Type.I32)
