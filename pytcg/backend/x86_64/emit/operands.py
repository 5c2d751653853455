"""Where operands live on the host, and the short sequences that move, load and compare them.

rax, rcx, rdx and xmm0-xmm3 are scratch within an op and dead between ops, as are the arithmetic flags.
"""

from __future__ import annotations

from collections.abc import Callable

from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.encode import RAX, RBP, RCX, Encoder, Mem, Operand, fits
from pytcg.tcg.ops import Op
from pytcg.tcg.state import CONST, ENV, HOST_REG, NUM_GLOBALS, NUM_SPILLS, SPILL, Layout
from pytcg.tcg.types import MO_8, MO_16, MO_32, MO_SIGN, MO_SIZE, SWAPPED, Cond, Type, sext, signed64

CONDITION_CODES = {
    Cond.EQ: x.E,
    Cond.NE: x.NE,
    Cond.LT: x.L,
    Cond.GE: x.GE,
    Cond.LTU: x.B,
    Cond.GEU: x.AE,
    Cond.LE: x.LE,
    Cond.GT: x.G,
    Cond.LEU: x.BE,
    Cond.GTU: x.A,
    Cond.TSTEQ: x.E,
    Cond.TSTNE: x.NE,
}
#: the global that reads as zero
ZERO = 0


class Operands:
    """Locations of operands under a mapping of globals to host registers, and of the fields of the CPU state.

    `at[operand]` is a register number or a `Mem`. Sequences are returned as bytes.
    """

    def __init__(self, layout: Layout, registers: dict[int, int]) -> None:
        self.layout = layout
        self.at: dict[int, Operand] = {n: registers.get(n, self.home(n)) for n in range(NUM_GLOBALS)}
        self.at |= {HOST_REG + n: n for n in range(16)}
        self.at |= {n: self.home(n) for n in range(SPILL, SPILL + NUM_SPILLS)}
        self.at[ENV] = RBP
        #: the register of an operand, or None if it lives in memory
        self.reg: Callable[[int], int | None] = {n: at for n, at in self.at.items() if isinstance(at, int)}.get

    def home(self, number: int) -> Mem:
        """The memory of a global or spill slot."""
        return Mem(RBP, self.layout.operand(number))

    def field(self, name: str, index: int = 0) -> Mem:
        """A word of the CPU state."""
        return Mem(RBP, self.layout.offset[name] + 8 * index)

    def target(self, d: int, *inputs: int) -> int:
        """The register to compute an output in: its own, or rax if it has none or if that would overwrite an input."""
        own = self.reg(d)
        if own is None:
            return RAX
        for operand in inputs:
            if self.reg(operand) == own:
                return RAX
        return own

    def load(self, w: int, register: int, operand: int) -> bytes:
        """Bring an operand into a register; what is there already stays as wide as it is. Destroys the flags."""
        at = self.at[operand]
        if operand == ZERO:
            return x.xor(0, register, register)
        return b"" if at == register else x.mov(w, register, at)

    def load_b(self, w: int, register: int, b: int, imm: int) -> bytes:
        """Bring input `b`, which may be the constant `imm`, into a register."""
        return constant(register, imm if w else sext(imm, 32)) if b == CONST else self.load(w, register, b)

    def store(self, d: int, register: int) -> bytes:
        """Put the 64 bits of a register into an output's home. Keeps the flags."""
        at = self.at[d]
        if at == register:
            return b""
        return x.mov(1, at, register) if isinstance(at, int) else x.mov_store(1, at, register)

    def finish(self, type: int, d: int, register: int) -> bytes:
        """Bring a result of the op's type, in the low part of a register, home."""
        if type != Type.I32:
            return self.store(d, register)
        own = self.reg(d)
        return x.movsxd(register if own is None else own, register) + (self.store(d, register) if own is None else b"")

    def apply(self, w: int, op: Encoder, op_imm: Encoder, register: int, b: int, imm: int) -> bytes:
        """`register op= b`, through rcx for a constant that is no immediate."""
        if b != CONST:
            return op(w, register, self.at[b])
        imm = signed64(imm) if w else sext(imm, 32)
        if fits(imm, 32):
            return op_imm(w, register, imm)
        return constant(RCX, imm) + op(w, register, RCX)

    def compare(self, type: int, a: int, b: int, imm: int, cond: int) -> tuple[bytes, int]:
        """Set the flags for `a cond b`; also the condition code to test.

        Uses rax and rcx, which are free afterwards.
        """
        w = int(type == Type.I64)
        if b == ZERO:
            b, imm = CONST, 0
        elif a == ZERO and b != CONST:
            a, b, imm, cond = b, CONST, 0, SWAPPED[Cond(cond)]
        code = CONDITION_CODES[Cond(cond)]
        left = self.at[a]
        testing = cond in (Cond.TSTEQ, Cond.TSTNE)
        imm = signed64(imm) if w else sext(imm, 32)
        if b == CONST and fits(imm, 32):
            if testing:
                return x.test_imm(w, left, imm), code
            return (x.test(w, left, left) if imm == 0 and isinstance(left, int) else x.cmp_imm(w, left, imm)), code
        head = b""
        right = self.at.get(b, RCX)
        if b == CONST:
            head = constant(RCX, imm)
        elif isinstance(left, Mem) and isinstance(right, Mem):
            head, left = x.mov(w, RAX, left), RAX
        if testing:
            return head + (x.test(w, right, left) if isinstance(left, int) else x.test(w, left, right)), code
        return head + (x.cmp(w, left, right) if isinstance(left, int) else x.cmp_store(w, left, right)), code


#: of an op whose bytes depend on its tuple alone
Emitter = Callable[[Operands, Op], bytes]


def constant(register: int, value: int) -> bytes:
    """Load a 64-bit constant in the shortest way. Destroys the flags."""
    value = signed64(value)
    if value == 0:
        return x.xor(0, register, register)
    if 0 < value < 1 << 32:
        return x.mov_u32(register, value)
    return x.mov_imm(1, register, value) if fits(value, 32) else x.mov_i64(register, value)


def load_memory(register: int, memory: Mem, mop: int) -> bytes:
    """Load and extend as a memory operation's bits say."""
    size, signed = mop & MO_SIZE, mop & MO_SIGN
    if size == MO_8:
        return x.movsx8(1, register, memory) if signed else x.movzx8(register, memory)
    if size == MO_16:
        return x.movsx16(1, register, memory) if signed else x.movzx16(register, memory)
    if size == MO_32:
        return x.movsxd(register, memory) if signed else x.mov(0, register, memory)
    return x.mov(1, register, memory)


def store_memory(memory: Mem, register: int, mop: int) -> bytes:
    """Store the low bytes of a register."""
    size = mop & MO_SIZE
    if size == MO_8:
        return x.mov_store8(memory, register)
    return x.mov_store16(memory, register) if size == MO_16 else x.mov_store(int(size > MO_32), memory, register)


def store_zero(memory: Mem, mop: int) -> bytes:
    """Store zero."""
    size = mop & MO_SIZE
    if size == MO_8:
        return x.mov_imm8(memory, 0)
    return x.mov_imm16(memory, 0) if size == MO_16 else x.mov_imm(int(size > MO_32), memory, 0)
