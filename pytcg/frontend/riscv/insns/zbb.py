"""Zbb: basic bit manipulation."""

from __future__ import annotations

from pytcg.frontend.riscv.insns.common import binary, binary_imm, bits, unary
from pytcg.tcg.types import Type

trans_andn = binary("andc")
trans_orn = binary("orc")
trans_xnor = binary("eqv")

trans_clz = unary("clz")
trans_clzw = unary("clz", Type.I32)
trans_ctz = unary("ctz")
trans_ctzw = unary("ctz", Type.I32)
trans_cpop = unary("ctpop")
trans_cpopw = unary("ctpop", Type.I32)

trans_max = binary("smax")
trans_maxu = binary("umax")
trans_min = binary("smin")
trans_minu = binary("umin")

trans_sext_b = bits("sextract", 0, 8)
trans_sext_h = bits("sextract", 0, 16)
trans_zext_h = bits("extract", 0, 16)

trans_rol = binary("rotl")
trans_rolw = binary("rotl", Type.I32)
trans_ror = binary("rotr")
trans_rorw = binary("rotr", Type.I32)
trans_rori = binary_imm("rotr")
trans_roriw = binary_imm("rotr", Type.I32)

trans_orc_b = unary("orc_b")
trans_rev8 = unary("bswap")
