"""The optimiser: one forward pass that propagates what is known about operands, then removal of dead code.

Known about an operand, until it is assigned anew: that it is a constant; that it is the pc of the block plus a
constant; for a temporary, that it is another operand plus a constant. Known about a 64-bit field of the CPU state:
which operand equals it. At a label everything is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

from pytcg.tcg.eval import condition, evaluator
from pytcg.tcg.ops import FLOAT, INPUTS, OPS, OUT, Op, code
from pytcg.tcg.passes.deadcode import eliminate_dead
from pytcg.tcg.passes.known import ADD, MOV, MOVI, PC_REL, Known, fits_int32
from pytcg.tcg.passes.liveness import BARRIERS, LABEL_OP
from pytcg.tcg.passes.rules import rewrite
from pytcg.tcg.state import CONST, ENV, TEMP, WORD
from pytcg.tcg.types import MASK64, MO_64, MO_SIZE, Type, signed64

AND = code("and", Type.I64)
BR, GOTO_TB, CALL = (code(name) for name in ("br", "goto_tb", "call"))
CALL_OP = CALL >> 3
COMMUTATIVE = tuple(op.commutative for op in OPS)
PAGE = 4096
CONSTANTS = (MOVI, PC_REL)
ADDITIONS = frozenset((ADD, code("add", Type.I32)))
#: ops other than stores that may still change fields of the CPU state
CLOBBERS = frozenset(op.number for op in OPS if op.may_fault or op.types is FLOAT or op.name == "host_cmpxchg")


def worth_it(ops: list[Op]) -> bool:
    """Whether `optimise` is likely to make a guest block shorter by more than its own time is worth.

    Cheap: looks for an op that adds to what the op before it has just made a constant or a pc (RISC-V's lui and addi,
    auipc and addi). Other constants fold into later ops too, but the guest still wants its register: nothing is saved.
    """
    before: Op = (MOV, 0, 0)
    for op in ops:
        if op[0] in ADDITIONS and before[0] in CONSTANTS and op[2] == before[1] == op[1]:
            return True
        before = op
    return False


def optimise(ops: list[Op]) -> list[Op]:
    """Equivalent ops, no more of them. The CPU state stays exact wherever it may be observed."""
    return eliminate_dead(Folder().run(ops))


class Folder(Known):
    """The forward pass. A method a group of ops returns the op to put in the place of one, or None to drop it."""

    def run(self, ops: list[Op]) -> list[Op]:
        """The forward pass."""
        out: list[Op] = []
        reachable = True
        for op in ops:
            number = op[0] >> 3
            if number == LABEL_OP:
                self.forget()
                reachable = True
            elif not reachable:
                continue
            if self.sum:
                op = self.replace_copies(op)
            handler = HANDLERS[number]
            if handler is not None:
                replacement = handler(self, op)
                if replacement is None:
                    continue
                op = replacement
                number = op[0] >> 3
            if number in CLOBBERS:
                self.field.clear()
                if number == CALL_OP:
                    self.forget_globals()
            if OUT[number]:
                self.assign(op, op[OUT[number]])
            reachable = number not in BARRIERS
            out.append(op)
        return out

    # A method a group of ops

    def movi(self, op: Op) -> Op | None:
        """A constant; nothing if the output holds it already."""
        value = signed64(op[2])
        return None if self.const.get(op[1]) == value else (MOVI, op[1], value)

    def pc_rel(self, op: Op) -> Op | None:
        """A pc; nothing if the output holds it already."""
        return None if self.relative.get(op[1]) == op[2] else op

    def mov(self, op: Op) -> Op | None:
        """A move, of something known or not."""
        _, d, a = op
        if a in self.const:
            return self.movi((MOVI, d, self.const[a]))
        if a in self.relative:
            return self.pc_rel((PC_REL, d, self.relative[a]))
        return op

    def unary(self, op: Op) -> Op | None:
        """Any pure op without `imm`: folded if all its inputs are constants."""
        inputs = []
        for index in INPUTS[op[0] >> 3]:
            value = self.const.get(op[index])
            if value is None:
                return op
            inputs.append(value & MASK64)
        extra = op[2 + len(inputs) :]
        return self.movi((MOVI, op[1], evaluator(op[0])(*inputs, *extra)))

    def constant_b(self, op: Op, a_index: int) -> Op:
        """The op with a known `b` as a constant, after an exchange of `a` and `b` where that helps and is allowed."""
        a, b = op[a_index], op[a_index + 1]
        if b != CONST:
            value = self.const.get(b)
            if value is None and COMMUTATIVE[op[0] >> 3]:
                value = self.const.get(a)
                a = b
            if value is not None and (fits_int32(value) or a in self.const):
                return (*op[:a_index], a, CONST, value, *op[a_index + 3 :])
        return op

    def binary(self, op: Op) -> Op | None:
        """Two-input arithmetic and setcond."""
        op = self.constant_b(op, 2)
        op_code, d, a, b, imm = op[:5]
        if b == CONST:
            known = self.const.get(a)
            if known is not None:
                return self.movi((MOVI, d, evaluator(op_code)(known & MASK64, imm & MASK64, *op[5:])))
            if op_code == ADD:
                if a in self.relative:
                    distance = self.relative[a] + signed64(imm)
                    if fits_int32(distance):
                        return self.pc_rel((PC_REL, d, distance))
                elif a in self.sum:
                    base, offset = self.sum[a]
                    offset += signed64(imm)
                    if fits_int32(offset):
                        op = (ADD, d, base, CONST, offset)
            elif op_code == AND and signed64(imm) == -2 and a in self.relative:
                # A block starts at an even pc.
                return self.pc_rel((PC_REL, d, self.relative[a] & -2))
        rewritten = rewrite(op)
        if rewritten is op:
            return op
        return self.mov(rewritten) if rewritten[0] == MOV else rewritten

    def movcond(self, op: Op) -> Op | None:
        """Decided if both compared values are known, or both outcomes are the same."""
        op = self.constant_b(op, 2)
        op_code, d, a, b, imm, cond, c, e = op
        taken = self.decide(op_code, a, b, imm, cond)
        if taken is None:
            return self.mov((MOV, d, c)) if c == e else op
        return self.mov((MOV, d, c if taken else e))

    def decide(self, op_code: int, a: int, b: int, imm: int, cond: int) -> bool | None:
        """The outcome of a comparison, if it is known."""
        known = self.const.get(a)
        if known is None or b != CONST:
            return None
        return condition(op_code, cond)(known & MASK64, imm & MASK64)

    def brcond(self, op: Op) -> Op | None:
        """A branch within the block: decided if the compared values are known."""
        op = self.constant_b(op, 1)
        op_code, a, b, imm, cond, label = op
        taken = self.decide(op_code, a, b, imm, cond)
        if taken is None:
            return op
        return (BR, label) if taken else None

    def brcond_tb(self, op: Op) -> Op | None:
        """A branch out of the block: decided if the compared values are known."""
        op = self.constant_b(op, 1)
        op_code, a, b, imm, cond, delta, insn = op
        taken = self.decide(op_code, a, b, imm, cond)
        if taken is None:
            return op
        return (GOTO_TB, delta, insn) if taken else None

    def goto_ptr(self, op: Op) -> Op | None:
        """A jump to a known distance, if it is certain to leave the page.

        Within a page, a backward jump would need its own `insn`, where the poll for exit requests goes on.
        """
        distance = self.relative.get(op[1])
        if distance is None or not fits_int32(distance) or abs(distance) < PAGE:
            return op
        return GOTO_TB, distance, 0

    def address(self, op: Op, index: int) -> Op:
        """A guest memory access whose address, at `index`, is a temporary: the addition goes into `off`."""
        temp, off = op[index], op[index + 1]
        if temp < TEMP:
            return op
        if temp in self.const:
            base, offset = 0, self.const[temp]
        elif temp in self.sum:
            base, offset = self.sum[temp]
        else:
            return op
        offset += off
        return (*op[:index], base, offset, *op[index + 2 :]) if fits_int32(offset) else op

    def access(self, op: Op) -> Op | None:
        """A load or a store."""
        return self.address(op, 2)

    def guest_probe(self, op: Op) -> Op | None:
        """A probe of an address."""
        return self.address(op, 1)

    def ld(self, op: Op) -> Op | None:
        """A field of the CPU state that an operand equals need not be loaded."""
        _, d, a, off, mop = op
        if a == ENV and mop & MO_SIZE == MO_64 and off in self.field:
            return self.mov((MOV, d, self.field[off]))
        return op

    def st(self, op: Op) -> Op | None:
        """A field of the CPU state need not be stored if it holds the value already."""
        _, a, b, off, mop = op
        if b != ENV:
            self.field.clear()
            return op
        whole = mop & MO_SIZE == MO_64
        if whole and self.field.get(off) == a:
            return None
        for known in [known for known in self.field if abs(known - off) < WORD]:
            del self.field[known]
        if whole:
            self.field[off] = a
        return op


Handler = Callable[[Folder, Op], Op | None]


def _handlers() -> tuple[Handler | None, ...]:
    by_name: dict[str, Handler] = {
        "mov": Folder.mov,
        "movi": Folder.movi,
        "pc_rel": Folder.pc_rel,
        "movcond": Folder.movcond,
        "brcond": Folder.brcond,
        "brcond_tb": Folder.brcond_tb,
        "goto_ptr": Folder.goto_ptr,
        "guest_ld": Folder.access,
        "guest_st": Folder.access,
        "guest_probe": Folder.guest_probe,
        "ld": Folder.ld,
        "st": Folder.st,
    }
    for row in OPS:
        if row.pure and row.name not in by_name:
            by_name[row.name] = Folder.binary if row.imm else Folder.unary
    return tuple(by_name.get(row.name) for row in OPS)


HANDLERS = _handlers()
