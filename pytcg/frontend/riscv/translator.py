"""The loop that turns RISC-V instructions into flat TCG ops, and what trans functions know of the block they add to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytcg.frontend.decoder import Decoder
from pytcg.frontend.guest import Extras, Translation
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
    MSTATUS_DIRTY,
    MSTATUS_FS,
)
from pytcg.frontend.riscv.helpers import RiscvHelper
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.frontend.units import MOST_INSNS
from pytcg.tcg.helpers import Helper
from pytcg.tcg.ops import OPS, Op, code
from pytcg.tcg.state import CONST, ENV, ONE_INSN, TEMP
from pytcg.tcg.types import MO_64, MO_MODE_SHIFT, Cond, Rm, Type

RAISE = int(RiscvHelper.RAISE)
EXECUTED, LIMIT, MSTATUS = (LAYOUT.offset[name] for name in ("executed", "limit", "mstatus"))
LTU, TSTNE, DYN, RMM = int(Cond.LTU), int(Cond.TSTNE), int(Rm.DYN), int(Rm.RMM)
ADD, OR, MOVI = code("add", Type.I64), code("or", Type.I64), code("movi", Type.I64)
LD, ST, BRCOND = code("ld", Type.I64), code("st", Type.I64), code("brcond", Type.I64)
LABEL, CALL, GOTO_TB, EXIT_TB = code("label"), code("call"), code("goto_tb"), code("exit_tb")
BRCOND_TB = code("brcond_tb", Type.I64)

#: by op code, whether the last field is `insn`
HAS_INSN = tuple("insn" in row.fields[-1:] for row in OPS for _ in range(8))
#: What is remembered of a word: its op, without the field `insn` if it has one, or its trans function and arguments.
#: All are tuples, told apart by what stands first.
_Known = Any
FUNCTION = -1
#: 32-bit words that are remembered for one value of the flags, at most: about 30 MiB of them
MOST_WORDS = 1 << 17


class Translator:
    """Translates blocks of one ISA configuration, and is the context (`ctx`) of the trans functions meanwhile.

    A trans function appends to `ops`; one that appends an op which leaves the block sets `done`. It may instead return
    its one op, if that depends on the word and the translation flags alone: it is then remembered, and the function not
    called again. The field `insn` of a remembered op, its last where it has one, is filled in anew each time. Not
    reentrant.
    """

    def __init__(self, decoder16: Decoder, decoder32: Decoder, compressed: bool, extras: Extras) -> None:
        self.decoders = (decoder16, decoder32)
        # for each value of the flags: what is known of 16-bit and of 32-bit words
        self._memos: dict[int, tuple[list[_Known], dict[int, _Known]]] = {}
        self._short: list[_Known] = []
        self._long: dict[int, _Known] = {}
        self.extras = extras
        #: whether instructions may start at any even address
        self.compressed = compressed
        self.ops: list[Op] = []
        #: offset of the instruction in the block, its length in bytes, and its bits
        self.insn = self.length = self.word = 0
        #: offset of the last auipc
        self.auipc = 0
        #: the translation flags, their data MMU mode as bits of a memory op, and their privilege
        self.flags = self.mode = self.priv = -1
        self.done = False
        self._next_temp = TEMP
        self._next_label = 0
        self._fp_checked = self._fp_dirty = False

    def translate(self, half: memoryview, index: int, flags: int, next_half: int = -1) -> Translation:
        """Translate the block that starts at half-word `index` of a page: see `Guest.translate`."""
        ops = self._start(flags)
        if flags & FLAG_COUNT:
            self._count()
        counted = len(ops)
        if self.extras.traced:
            ops.append((CALL, CONST, CONST, CONST, CONST, Helper.TRACE, 0))
        append, short, get, has_insn = ops.append, self._short, self._long.get, HAS_INSN
        end = len(half)
        most = 1 if flags & ONE_INSN else MOST_INSNS
        offset = insns = 0
        while True:
            word = half[index]
            index += 1
            if word & 3 == 3:
                if index == end:
                    if insns:
                        append((GOTO_TB, offset, offset - 2))
                        break
                    if next_half < 0:
                        return Translation([], 0, 0, 0)
                    word |= next_half << 16
                else:
                    word |= half[index] << 16
                index += 1
                length = 4
                known = get(word)
            else:
                length = 2
                known = short[word]
            insn = offset
            offset += length
            insns += 1
            if known is None:
                self._first(word, insn, length)
                if self.done:
                    break
            elif (first := known[0]) == FUNCTION:
                self.insn = insn
                self.length = length
                self.word = word
                known[1](self, *known[2])
                if self.done:
                    break
            elif has_insn[first]:
                append((*known, insn))
            else:
                append(known)
            if index >= end or insns == most:
                append((GOTO_TB, offset, offset - length))
                break
        if most == 1 or self.extras.unchained:
            self._unchain()
        if flags & FLAG_COUNT:
            ops[counted - 2] = (ADD, TEMP, TEMP, CONST, insns)
        return Translation(self.ops, self._next_temp - TEMP, offset, insns)

    def translate_unit(self, words: Iterable[int], flags: int) -> tuple[list[Op], int]:
        """Translate one or two instructions: see `Guest.translate_unit`."""
        ops = self._start(flags)
        offset = 0
        for word in words:
            length = 4 if word & 3 == 3 else 2
            self._first(word, offset, length)
            offset += length
        return ops, self._next_temp - TEMP

    def _start(self, flags: int) -> list[Op]:
        """Begin a block: its ops, none so far."""
        if flags != self.flags:
            self._set_flags(flags)
        self.ops = []
        self.done = False
        self._forget_fp()
        self._next_temp, self._next_label = TEMP, 0
        return self.ops

    def decoder(self, word: int) -> Decoder:
        """The decoder of instructions that are as long as this one."""
        return self.decoders[word & 3 == 3]

    def _set_flags(self, flags: int) -> None:
        self.flags = flags
        self.mode = (flags & FLAG_MODE) << MO_MODE_SHIFT
        self.priv = (flags & FLAG_PRIV) >> FLAG_PRIV_SHIFT
        memos = self._memos.get(flags)
        if memos is None:
            memos = self._memos[flags] = [None] * (1 << 16), {}
        self._short, self._long = memos

    def _first(self, word: int, offset: int, length: int) -> None:
        """Translate a word that is met for the first time under the current flags."""
        self.insn, self.length, self.word = offset, length, word
        if len(self._long) == MOST_WORDS:
            self._long.clear()
        function, args = self.decoders[length > 2].decode(word) or (Translator.illegal, ())
        op = function(self, *args)
        known: _Known = op
        if op is None:
            known = FUNCTION, function, args
        elif HAS_INSN[op[0]]:
            known = op[:-1]
            self.ops.append((*known, offset))
        else:
            self.ops.append(op)
        if length == 2:
            self._short[word] = known
        else:
            self._long[word] = known

    def _unchain(self) -> None:
        """Look every exit up."""
        last = []
        for position, op in enumerate(self.ops):
            if op[0] == BRCOND_TB:
                label = self.label()
                self.ops[position] = (BRCOND, *op[1:5], label)
                last = [(LABEL, label), (EXIT_TB, op[5])]
            elif op[0] == GOTO_TB:
                self.ops[position] = (EXIT_TB, op[1])
        self.ops += last

    def _count(self) -> None:
        """Count the block's instructions, how many is filled in at the end; leave before it at the limit."""
        count = self.temp()
        self.ops.append((LD, count, ENV, EXECUTED, MO_64))
        if self.extras.limited:
            limit, below = self.temp(), self.label()
            self.ops += (
                (LD, limit, ENV, LIMIT, MO_64),
                (BRCOND, count, limit, 0, LTU, below),
                (CALL, CONST, CONST, CONST, CONST, Helper.LIMIT, 0),
                (LABEL, below),
            )
        self.ops += (
            (ADD, count, count, CONST, 0),
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
        """Call a helper with operands; CONST: absent. One that comes back may have changed mstatus.FS."""
        self.ops.append((CALL, result, a, b, c, helper, self.insn))
        if helper != RAISE:
            self._forget_fp()

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
            self.ops += ((OR, status, status, CONST, MSTATUS_DIRTY), (ST, status, ENV, MSTATUS, MO_64))
            self._fp_dirty = True

    def _forget_fp(self) -> None:
        self._fp_checked = self.flags & FLAG_FS_ON != 0
        self._fp_dirty = False

    def _check_fp(self) -> int:
        self._fp_checked = True
        status, on = self.temp(), self.label()
        self.ops += ((LD, status, ENV, MSTATUS, MO_64), (BRCOND, status, CONST, MSTATUS_FS, TSTNE, on))
        self.raise_with(CAUSE_ILLEGAL, self.constant(self.word))
        self.ops.append((LABEL, on))
        return status
