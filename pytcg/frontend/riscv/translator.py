"""The loop that turns RISC-V instructions into flat TCG ops, and what the trans functions know of the block they add to."""

from __future__ import annotations

from pytcg.frontend.decoder import Decoded, Decoder
from pytcg.frontend.guest import Translation
from pytcg.frontend.riscv.bits import (
    CAUSE_ILLEGAL,
    FLAG_COUNT,
    FLAG_FRM,
    FLAG_FRM_SHIFT,
    FLAG_FS_ON,
    FLAG_MODE,
    FLAG_PRIV,
    FLAG_PRIV_SHIFT,
    FRM_INVALID,
    FRM_RMM,
    MSTATUS_FS,
)
from pytcg.frontend.riscv.helpers import RiscvHelper
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST, ENV, TEMP
from pytcg.tcg.types import MO_64, MO_MODE_SHIFT, Cond, Rm, Type

MAX_INSNS = 64
RAISE = int(RiscvHelper.RAISE)
EXECUTED, MSTATUS = LAYOUT.offset["executed"], LAYOUT.offset["mstatus"]
TSTNE, DYN, RMM = int(Cond.TSTNE), int(Rm.DYN), int(Rm.RMM)
ADD, OR, MOVI = code("add", Type.I64), code("or", Type.I64), code("movi", Type.I64)
LD, ST, BRCOND = code("ld", Type.I64), code("st", Type.I64), code("brcond", Type.I64)
LABEL, CALL, GOTO_TB, EXIT_TB = code("label"), code("call"), code("goto_tb"), code("exit_tb")


class Translator:
    """Translates blocks of one ISA configuration, and is the context (`ctx`) of the trans functions meanwhile.

    A trans function appends to `ops`; one that appends an op which leaves the block sets `done`. Not reentrant.
    """

    def __init__(self, decoder16: Decoder, decoder32: Decoder, compressed: bool) -> None:
        self._decoders = (decoder16, decoder32)
        self._memo: dict[int, Decoded] = {}
        #: whether instructions may start at any even address
        self.compressed = compressed
        self.ops: list[Op] = []
        #: offset of the instruction in the block, its length in bytes, and its bits
        self.insn = self.length = self.word = 0
        #: the translation flags, their data MMU mode as bits of a memory op, and their privilege
        self.flags = self.mode = self.priv = 0
        self.done = False
        self._next_temp = TEMP
        self._next_label = 0
        self._fp_checked = self._fp_dirty = False

    def translate(self, half: memoryview, index: int, flags: int, next_half: int = -1) -> Translation:
        """Translate the block that starts at half-word `index` of a page: see `Guest.translate`."""
        ops = self.ops = []
        self.flags = flags
        self.mode = (flags & FLAG_MODE) << MO_MODE_SHIFT
        self.priv = (flags & FLAG_PRIV) >> FLAG_PRIV_SHIFT
        self.done = self._fp_dirty = False
        self._fp_checked = flags & FLAG_FS_ON != 0
        self._next_temp, self._next_label = TEMP, 0
        if flags & FLAG_COUNT:
            self._count(0)
        memo = self._memo
        end = len(half)
        offset = insns = 0
        while True:
            word = half[index]
            index += 1
            length = 2
            if word & 3 == 3:
                if index == end:
                    if insns:
                        ops.append((GOTO_TB, offset, self.insn))
                        break
                    if next_half < 0:
                        return Translation([], 0, 0, 0)
                    word |= next_half << 16
                else:
                    word |= half[index] << 16
                index += 1
                length = 4
            self.insn = offset
            self.length = length
            self.word = word
            entry = memo.get(word)
            if entry is None:
                entry = self._decode(word)
            entry[0](self, *entry[1])
            offset += length
            insns += 1
            if self.done:
                break
            if index >= end or insns == MAX_INSNS:
                ops.append((GOTO_TB, offset, self.insn))
                break
        if flags & FLAG_COUNT:
            ops[1] = (ADD, TEMP, TEMP, CONST, insns)
        return Translation(ops, self._next_temp - TEMP, offset, insns)

    def _decode(self, word: int) -> Decoded:
        entry = self._decoders[word & 3 == 3].decode(word) or (Translator.illegal, ())
        self._memo[word] = entry
        return entry

    def _count(self, insns: int) -> None:
        count = self.temp()
        self.ops += (
            (LD, count, ENV, EXECUTED, MO_64),
            (ADD, count, count, CONST, insns),
            (ST, count, ENV, EXECUTED, MO_64),
        )

    # what trans functions need more often than once

    def temp(self) -> int:
        """A new temporary."""
        temp = self._next_temp
        self._next_temp = temp + 1
        return temp

    def label(self) -> int:
        """A new label."""
        label = self._next_label
        self._next_label = label + 1
        return label

    def constant(self, value: int) -> int:
        """A temporary that holds a constant."""
        temp = self.temp()
        self.ops.append((MOVI, temp, value))
        return temp

    def call(self, helper: int, a: int = CONST, b: int = CONST, c: int = CONST, result: int = CONST) -> None:
        """Call a helper with operands; CONST: absent."""
        self.ops.append((CALL, result, a, b, c, helper, self.insn))

    def raise_(self, cause: int, tval: int) -> None:
        """End the block with an exception."""
        self.raise_with(cause, self.constant(tval))
        self.ops.append((EXIT_TB, self.insn))
        self.done = True

    def raise_with(self, cause: int, tval: int) -> None:
        """Raise an exception whose tval is an operand. The block goes on, for paths that branch around."""
        self.call(RAISE, self.constant(cause), tval)

    def illegal(self) -> None:
        """End the block with an illegal-instruction exception."""
        self.raise_(CAUSE_ILLEGAL, self.word)

    # floating point

    def rounding(self, rm: int) -> int:
        """The rounding mode that an op gets for the rm field of an instruction; -1 if it is reserved."""
        if rm != DYN:
            return rm if rm <= RMM else -1
        kind = (self.flags & FLAG_FRM) >> FLAG_FRM_SHIFT
        return RMM if kind == FRM_RMM else -1 if kind == FRM_INVALID else DYN

    def use_fp(self) -> None:
        """Before a floating-point instruction that only reads: illegal unless mstatus.FS is on. Tested once a block."""
        if not self._fp_checked:
            self._check_fp()

    def change_fp(self) -> None:
        """Before an instruction that writes floating-point state: also makes mstatus.FS dirty, once a block."""
        if not self._fp_dirty:
            if self._fp_checked:
                status = self.temp()
                self.ops.append((LD, status, ENV, MSTATUS, MO_64))
            else:
                status = self._check_fp()
            self.ops += ((OR, status, status, CONST, MSTATUS_FS), (ST, status, ENV, MSTATUS, MO_64))
            self._fp_dirty = True

    def _check_fp(self) -> int:
        self._fp_checked = True
        status, on = self.temp(), self.label()
        self.ops += ((LD, status, ENV, MSTATUS, MO_64), (BRCOND, status, CONST, MSTATUS_FS, TSTNE, on))
        self.raise_with(CAUSE_ILLEGAL, self.constant(self.word))
        self.ops.append((LABEL, on))
        return status
