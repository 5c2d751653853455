"""What the optimiser knows at one point of its forward pass."""

from __future__ import annotations

from pytcg.tcg.ops import INPUTS, Op, code
from pytcg.tcg.state import CONST, ENV, TEMP
from pytcg.tcg.types import MO_64, MO_SIZE, Type

MOV, MOVI, PC_REL = (code(name, Type.I64) for name in ("mov", "movi", "pc_rel"))
ADD, LD = (code(name, Type.I64) for name in ("add", "ld"))
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def fits_int32(value: int) -> bool:
    """Whether a signed 32-bit field can hold a value."""
    return INT32_MIN <= value <= INT32_MAX


class Known:
    """What is known at one point of the forward pass. A method a group of ops returns the op to put in its place, or
    None."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing, but that register 0 is zero."""
        #: operand -> signed constant
        self.const: dict[int, int] = {0: 0}
        #: operand -> its distance from the pc of the block
        self.relative: dict[int, int] = {}
        #: temporary -> (operand, constant): their sum
        self.sum: dict[int, tuple[int, int]] = {}
        #: offset of a 64-bit field of the CPU state -> operand
        self.field: dict[int, int] = {}

    def replace_copies(self, op: Op) -> Op:
        """The op with each temporary that is a mere copy replaced by what it copies."""
        for index in INPUTS[op[0] >> 3]:
            base, offset = self.sum.get(op[index], (0, 1))
            if offset == 0:
                op = (*op[:index], base, *op[index + 1 :])
        return op

    def forget_globals(self) -> None:
        """Know nothing about guest registers, which a helper may have changed."""
        self.const = {operand: value for operand, value in self.const.items() if operand == 0 or operand >= TEMP}
        self.relative = {operand: value for operand, value in self.relative.items() if operand >= TEMP}
        self.sum = {temp: pair for temp, pair in self.sum.items() if pair[0] == 0 or pair[0] >= TEMP}

    def assign(self, op: Op, d: int) -> None:
        """Record what an op makes of its output, after forgetting what was known about it."""
        self.const.pop(d, None)
        self.relative.pop(d, None)
        if self.sum:
            self.sum.pop(d, None)
            for temp in [temp for temp, (base, _) in self.sum.items() if base == d]:
                del self.sum[temp]
        if self.field:
            for offset in [offset for offset, operand in self.field.items() if operand == d]:
                del self.field[offset]
        op_code = op[0]
        if op_code == MOVI:
            self.const[d] = op[2]
        elif op_code == PC_REL:
            self.relative[d] = op[2]
        elif op_code == ADD:
            if d >= TEMP and op[3] == CONST and op[2] != d and fits_int32(op[4]):
                self.sum[d] = op[2], op[4]
        elif op_code == MOV:
            if d >= TEMP and op[2] != d:
                self.sum[d] = op[2], 0
        elif op_code == LD and op[2] == ENV and op[4] & MO_SIZE == MO_64:
            self.field[op[3]] = d
