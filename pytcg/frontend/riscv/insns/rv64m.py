"""RV64M: integer multiplication and division. The ops give RISC-V's results for division by zero and overflow."""

from __future__ import annotations

from pytcg.frontend.riscv.insns.common import binary
from pytcg.tcg.types import Type

trans_mul = binary("mul")
trans_mulh = binary("mulsh")
trans_mulhsu = binary("mulsuh")
trans_mulhu = binary("muluh")
trans_div = binary("div")
trans_divu = binary("divu")
trans_rem = binary("rem")
trans_remu = binary("remu")

trans_mulw = binary("mul", Type.I32)
trans_divw = binary("div", Type.I32)
trans_divuw = binary("divu", Type.I32)
trans_remw = binary("rem", Type.I32)
trans_remuw = binary("remu", Type.I32)
