"""RV64F and RV64D: floating point. Registers f0..f31 are operands 32..63."""

from __future__ import annotations

from pytcg.frontend.decoder import Trans
from pytcg.frontend.riscv.translator import Translator
from pytcg.tcg.ops import code
from pytcg.tcg.types import MO_32, MO_64, Cond, Type

F32, F64 = Type.F32, Type.F64
GUEST_LD, GUEST_ST = code("guest_ld", Type.I64), code("guest_st", Type.I64)
BOX = code("fmv_from_int", F32)
#: operand number of f0
F0 = 32
# Integer formats of conversions.
W, WU, L, LU = 0, 1, 2, 3


def trans_flw(ctx: Translator, rd: int, rs1: int, imm: int) -> None:
    ctx.change_fp()
    bits = ctx.temp()
    ctx.ops += ((GUEST_LD, bits, rs1, imm, MO_32 | ctx.mode, ctx.insn), (BOX, F0 + rd, bits))


def trans_fld(ctx: Translator, rd: int, rs1: int, imm: int) -> None:
    ctx.change_fp()
    ctx.ops.append((GUEST_LD, F0 + rd, rs1, imm, MO_64 | ctx.mode, ctx.insn))


def _store(mop: int) -> Trans:
    def trans(ctx: Translator, rs1: int, rs2: int, imm: int) -> None:
        ctx.use_fp()
        ctx.ops.append((GUEST_ST, F0 + rs2, rs1, imm, mop | ctx.mode, ctx.insn))

    return trans


def _rounded(
    name: str, type: Type, inputs: int, *extra: int, integer_in: bool = False, integer_out: bool = False
) -> Trans:
    """rd = op of 1, 2 or 3 inputs, rounded as the instruction says. `extra` fields of the op follow the inputs."""
    op, out_base, in_base = code(name, type), 0 if integer_out else F0, 0 if integer_in else F0

    def append(ctx: Translator, rd: int, operands: tuple[int, ...], rm: int) -> None:
        rounding = ctx.rounding(rm)
        if rounding < 0:
            ctx.illegal()
            return
        ctx.change_fp()
        out = out_base + rd or ctx.temp()
        ctx.ops.append((op, out, *operands, *extra, rounding))

    def trans1(ctx: Translator, rd: int, rs1: int, rm: int) -> None:
        append(ctx, rd, (in_base + rs1,), rm)

    def trans2(ctx: Translator, rd: int, rs1: int, rs2: int, rm: int) -> None:
        append(ctx, rd, (F0 + rs1, F0 + rs2), rm)

    def trans3(ctx: Translator, rd: int, rs1: int, rs2: int, rs3: int, rm: int) -> None:
        append(ctx, rd, (F0 + rs1, F0 + rs2, F0 + rs3), rm)

    return (trans1, trans2, trans3)[inputs - 1]


def _fma(type: Type, negate: int) -> Trans:
    """rd = rs1 * rs2 + rs3; `negate` bit 0: the product negated, bit 1: rs3 negated."""
    return _rounded("fma", type, 3, negate)


def _to_int(type: Type, format: int) -> Trans:
    return _rounded("fcvt_to_int", type, 1, format, integer_out=True)


def _from_int(type: Type, format: int) -> Trans:
    return _rounded("fcvt_from_int", type, 1, format, integer_in=True)


def _exact(name: str, type: Type, *extra: int) -> Trans:
    """rd = rs1 op rs2, without rounding."""
    op = code(name, type)

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> None:
        ctx.change_fp()
        ctx.ops.append((op, F0 + rd, F0 + rs1, F0 + rs2, *extra))

    return trans


def _compare(type: Type, cond: Cond) -> Trans:
    """Integer rd = rs1 cond rs2. It may raise flags even if rd is x0."""
    op, number = code("fcmp", type), int(cond)

    def trans(ctx: Translator, rd: int, rs1: int, rs2: int) -> None:
        ctx.change_fp()
        ctx.ops.append((op, rd or ctx.temp(), F0 + rs1, F0 + rs2, number))

    return trans


def _inspect(name: str, type: Type) -> Trans:
    """Integer rd = op rs1, without effect on floating-point state."""
    op = code(name, type)

    def trans(ctx: Translator, rd: int, rs1: int) -> None:
        ctx.use_fp()
        if rd:
            ctx.ops.append((op, rd, F0 + rs1))

    return trans


def _move(type: Type) -> Trans:
    """rd = the bits of integer rs1."""
    op = code("fmv_from_int", type)

    def trans(ctx: Translator, rd: int, rs1: int) -> None:
        ctx.change_fp()
        ctx.ops.append((op, F0 + rd, rs1))

    return trans


trans_fsw = _store(MO_32)
trans_fmadd_s = _fma(F32, 0)
trans_fnmsub_s = _fma(F32, 1)
trans_fmsub_s = _fma(F32, 2)
trans_fnmadd_s = _fma(F32, 3)
trans_fadd_s = _rounded("fadd", F32, 2)
trans_fsub_s = _rounded("fsub", F32, 2)
trans_fmul_s = _rounded("fmul", F32, 2)
trans_fdiv_s = _rounded("fdiv", F32, 2)
trans_fsqrt_s = _rounded("fsqrt", F32, 1)
trans_fsgnj_s = _exact("fsgnj", F32, 0)
trans_fsgnjn_s = _exact("fsgnj", F32, 1)
trans_fsgnjx_s = _exact("fsgnj", F32, 2)
trans_fmin_s = _exact("fmin", F32)
trans_fmax_s = _exact("fmax", F32)
trans_feq_s = _compare(F32, Cond.EQ)
trans_flt_s = _compare(F32, Cond.LT)
trans_fle_s = _compare(F32, Cond.LE)
trans_fclass_s = _inspect("fclass", F32)
trans_fmv_x_w = _inspect("fmv_to_int", F32)
trans_fmv_w_x = _move(F32)
trans_fcvt_w_s = _to_int(F32, W)
trans_fcvt_wu_s = _to_int(F32, WU)
trans_fcvt_l_s = _to_int(F32, L)
trans_fcvt_lu_s = _to_int(F32, LU)
trans_fcvt_s_w = _from_int(F32, W)
trans_fcvt_s_wu = _from_int(F32, WU)
trans_fcvt_s_l = _from_int(F32, L)
trans_fcvt_s_lu = _from_int(F32, LU)

trans_fsd = _store(MO_64)
trans_fmadd_d = _fma(F64, 0)
trans_fnmsub_d = _fma(F64, 1)
trans_fmsub_d = _fma(F64, 2)
trans_fnmadd_d = _fma(F64, 3)
trans_fadd_d = _rounded("fadd", F64, 2)
trans_fsub_d = _rounded("fsub", F64, 2)
trans_fmul_d = _rounded("fmul", F64, 2)
trans_fdiv_d = _rounded("fdiv", F64, 2)
trans_fsqrt_d = _rounded("fsqrt", F64, 1)
trans_fsgnj_d = _exact("fsgnj", F64, 0)
trans_fsgnjn_d = _exact("fsgnj", F64, 1)
trans_fsgnjx_d = _exact("fsgnj", F64, 2)
trans_fmin_d = _exact("fmin", F64)
trans_fmax_d = _exact("fmax", F64)
trans_feq_d = _compare(F64, Cond.EQ)
trans_flt_d = _compare(F64, Cond.LT)
trans_fle_d = _compare(F64, Cond.LE)
trans_fclass_d = _inspect("fclass", F64)
trans_fmv_x_d = _inspect("fmv_to_int", F64)
trans_fmv_d_x = _move(F64)
trans_fcvt_w_d = _to_int(F64, W)
trans_fcvt_wu_d = _to_int(F64, WU)
trans_fcvt_l_d = _to_int(F64, L)
trans_fcvt_lu_d = _to_int(F64, LU)
trans_fcvt_d_w = _from_int(F64, W)
trans_fcvt_d_wu = _from_int(F64, WU)
trans_fcvt_d_l = _from_int(F64, L)
trans_fcvt_d_lu = _from_int(F64, LU)

trans_fcvt_s_d = _rounded("fcvt_f", F32, 1)
trans_fcvt_d_s = _rounded("fcvt_f", F64, 1)
