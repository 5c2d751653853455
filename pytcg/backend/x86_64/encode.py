"""x86-64 instruction encodings: one line an encoding, from which the encoder functions derive.

A row gives the mnemonic, the operands in Intel order and the encoding as the opcode maps of the Intel SDM (volume 2)
write it. Operands: r/rm a register, or register or memory, of the width that the call's first argument `w` names (0: 32
bits, 1: 64 bits); a number after them fixes the width; x/xm an SSE register, or one or memory; m memory; v a register
in VEX.vvvv, xv an SSE register there; cc a condition code; cl the register; i8, i16, i32, i64 immediates; i an
immediate of 8 bits where it fits, or else of 32. Encoding: W takes REX.W or VEX.W from `w`, W1 sets it; 66, F2, F3 and
F0 before the opcode are prefixes; /r, /0../7 the ModRM byte; +r, +cc are added to the last opcode byte.

Calling a row gives its bytes: `add(1, RAX, Mem(RBP, 8))`. ValueError is raised for an immediate that does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = range(16)
RIP = 16

# Condition codes, as in jcc, setcc and cmovcc.
OV, NOV, B, AE, E, NE, BE, A, S, NS, P, NP, L, GE, LE, G = range(16)


class Mem(NamedTuple):
    """A memory operand: base register (or RIP), displacement, and an index register scaled by 1."""

    base: int
    disp: int = 0
    idx: int = -1


Operand = int | Mem

_PREFIXES = {"66": 0x66, "F2": 0xF2, "F3": 0xF3}
_VEX_PREFIX = {0: 0, 0x66: 1, 0xF3: 2, 0xF2: 3}
_VEX_MAP = {b"\x0f": 1, b"\x0f\x38": 2, b"\x0f\x3a": 3}
_IMM_BYTES = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "i": 0}
_REX = tuple(bytes((0x40 | bits,)) for bits in range(16))
_ROLES = {
    "r": "reg",
    "x": "reg",
    "rm": "rm",
    "xm": "rm",
    "m": "rm",
    "v": "vvvv",
    "xv": "vvvv",
    "cc": "cc",
    "cl": "",
    "i": "imm",
}


def fits(value: int, bits: int) -> bool:
    """Whether `value` is a two's complement number of `bits` bits."""
    return -(1 << (bits - 1)) <= value < 1 << (bits - 1)


#: the REX bits R and B and the ModRM byte of two registers, by reg << 4 | rm
_REGISTERS = tuple((n >> 7 << 2 | n >> 3 & 1, bytes((0xC0 | (n >> 4 & 7) << 3 | n & 7,))) for n in range(256))
_disp8, _disp32 = Struct("<b").pack, Struct("<i").pack


def _address(reg: int, rm: Operand) -> tuple[int, bytes]:
    """REX bits R, X and B, and the ModRM, SIB and displacement bytes (SDM volume 2, section 2.1.3)."""
    if isinstance(rm, int):
        return _REGISTERS[reg << 4 | rm]
    r, reg = reg >> 3 << 2, (reg & 7) << 3
    base, disp, idx = rm
    if base == RIP:
        return r, bytes((reg | 5,)) + _disp32(disp)
    if disp == 0 and base & 7 != RBP:
        mod, tail = reg, b""
    elif -128 <= disp < 128:
        mod, tail = reg | 0x40, _disp8(disp)
    else:
        mod, tail = reg | 0x80, _disp32(disp)
    if idx >= 0:
        return r | idx >> 3 << 1 | base >> 3, bytes((mod | 4, (idx & 7) << 3 | base & 7)) + tail
    if base & 7 == RSP:
        return r | base >> 3, bytes((mod | 4, 0x24)) + tail
    return r | base >> 3, bytes((mod | base & 7,)) + tail


class Encoding:
    """One row of the table; callable with the operands it names."""

    def __init__(self, mnemonic: str, operands: str, encoding: str) -> None:
        self.mnemonic = mnemonic
        self.operands = tuple(operands.replace(",", " ").split())
        roles = [_ROLES[kind.rstrip("0123456789")] for kind in self.operands]
        tokens = encoding.split()
        self.has_w = "W" in tokens
        self.wide = "W1" in tokens
        self.vex = "VEX" in tokens
        self.lock = tokens[0] == "F0"
        self.modrm = "/" in encoding
        rest = [t for t in tokens[self.lock :] if t[0] != "/" and t not in ("W", "W1", "VEX")]
        prefix = _PREFIXES[rest.pop(0)] if rest[0] in _PREFIXES else 0
        opcode = bytes(int(t.partition("+")[0], 16) for t in rest)
        if self.vex:
            self.prefix = bytes((0xC4, 0xE0 | _VEX_MAP[opcode[:-1]], 0x78 | _VEX_PREFIX[prefix]))
            opcode = opcode[-1:]
        else:
            self.prefix = b"\xf0" * self.lock + (bytes((prefix,)) if prefix else b"")
        self.opcode = opcode
        self.extension = next((int(t[1]) for t in tokens if t[0] == "/" and t != "/r"), 0)
        # positions of the operands among the arguments of a call, -1 for one that the row lacks
        self.reg, self.rm, self.vvvv, self.cc, self.imm = (
            roles.index(role) + self.has_w if role in roles else -1 for role in ("reg", "rm", "vvvv", "cc", "imm")
        )
        self.imm_bytes = _IMM_BYTES[self.operands[roles.index("imm")]] if "imm" in roles else 0
        self.bytes_at = tuple(n + self.has_w for n, kind in enumerate(self.operands) if kind in ("r8", "rm8"))

    def __call__(self, *values: Operand) -> bytes:
        """The bytes of the instruction with the given operands."""
        wide = values[0] if self.has_w else self.wide
        reg = values[self.reg] if self.reg >= 0 else self.extension
        opcode, tail = self._immediate(values[self.imm]) if self.imm >= 0 else (self.opcode, b"")
        if self.cc >= 0:
            opcode = _add_to_last(opcode, values[self.cc])
        assert isinstance(reg, int)
        if self.modrm:
            rm = values[self.rm]
            rxb, address = _address(reg, rm)
        else:
            rxb, address, opcode = reg >> 3, b"", _add_to_last(opcode, reg & 7)
        if self.vex:
            start, map_, fields = self.prefix
            vvvv = values[self.vvvv] if self.vvvv >= 0 else 0
            assert isinstance(vvvv, int)
            head = bytes((start, map_ ^ rxb << 5, fields ^ vvvv << 3 | (0x80 if wide else 0)))
        elif wide:
            head = self.prefix + _REX[8 | rxb]
        elif rxb or self._needs_rex(values):
            head = self.prefix + _REX[rxb]
        else:
            head = self.prefix
        return head + opcode + address + tail

    def _needs_rex(self, values: tuple[Operand, ...]) -> bool:
        """Whether an operand is the low byte of rsp, rbp, rsi or rdi, which without REX would be ah to bh."""
        return any(isinstance(value := values[n], int) and 4 <= value < 8 for n in self.bytes_at)

    def _immediate(self, imm: Operand) -> tuple[bytes, bytes]:
        """Opcode and bytes of an immediate; for kind `i` the row has the opcode of 32 bits, bit 1 selects 8 bits."""
        size, opcode = self.imm_bytes, self.opcode
        assert isinstance(imm, int)
        if not size:
            size = 4
            if fits(imm, 8):
                size, opcode = 1, _add_to_last(opcode, 2)
        if not -(1 << (8 * size - 1)) <= imm < 1 << (8 * size):
            raise ValueError(f"{self.mnemonic}: immediate {imm:#x} does not fit into {8 * size} bits")
        return opcode, (imm & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def _add_to_last(opcode: bytes, number: Operand) -> bytes:
    assert isinstance(number, int)
    return opcode[:-1] + bytes((opcode[-1] | number,))


ROWS: list[Encoding] = []
Encoder = Callable[..., bytes]


def _(mnemonic: str, operands: str, encoding: str) -> Encoder:
    """The encoder of a row. Most operands come again and again, so recent results are kept."""
    ROWS.append(Encoding(mnemonic, operands, encoding))
    return lru_cache(4096)(ROWS[-1])


# moves
mov = _("mov", "r, rm", "W 8B /r")
mov_store = _("mov", "rm, r", "W 89 /r")
mov_store8 = _("mov", "rm8, r8", "88 /r")
mov_store16 = _("mov", "rm16, r16", "66 89 /r")
mov_imm = _("mov", "rm, i32", "W C7 /0")
mov_imm8 = _("mov", "rm8, i8", "C6 /0")
mov_imm16 = _("mov", "rm16, i16", "66 C7 /0")
mov_u32 = _("mov", "r32, i32", "B8+r")
mov_i64 = _("mov", "r64, i64", "W1 B8+r")
movzx8 = _("movzx", "r32, rm8", "0F B6 /r")
movzx16 = _("movzx", "r32, rm16", "0F B7 /r")
movsx8 = _("movsx", "r, rm8", "W 0F BE /r")
movsx16 = _("movsx", "r, rm16", "W 0F BF /r")
movsxd = _("movsxd", "r64, rm32", "W1 63 /r")
lea = _("lea", "r, m", "W 8D /r")
cmov = _("cmov", "cc, r, rm", "W 0F 40+cc /r")
setcc = _("set", "cc, rm8", "0F 90+cc /0")
push = _("push", "r64", "50+r")
pop = _("pop", "r64", "58+r")

# arithmetic and logic
add = _("add", "r, rm", "W 03 /r")
add_store = _("add", "rm, r", "W 01 /r")
add_imm = _("add", "rm, i", "W 81 /0")
or_ = _("or", "r, rm", "W 0B /r")
or_store = _("or", "rm, r", "W 09 /r")
or_imm = _("or", "rm, i", "W 81 /1")
and_ = _("and", "r, rm", "W 23 /r")
and_store = _("and", "rm, r", "W 21 /r")
and_imm = _("and", "rm, i", "W 81 /4")
sub = _("sub", "r, rm", "W 2B /r")
sub_store = _("sub", "rm, r", "W 29 /r")
sub_imm = _("sub", "rm, i", "W 81 /5")
xor = _("xor", "r, rm", "W 33 /r")
xor_store = _("xor", "rm, r", "W 31 /r")
xor_imm = _("xor", "rm, i", "W 81 /6")
cmp = _("cmp", "r, rm", "W 3B /r")
cmp_store = _("cmp", "rm, r", "W 39 /r")
cmp_imm = _("cmp", "rm, i", "W 81 /7")
test = _("test", "rm, r", "W 85 /r")
test_imm = _("test", "rm, i32", "W F7 /0")
test_imm8 = _("test", "rm8, i8", "F6 /0")
not_ = _("not", "rm", "W F7 /2")
neg = _("neg", "rm", "W F7 /3")
mul = _("mul", "rm", "W F7 /4")
imul_wide = _("imul", "rm", "W F7 /5")
div = _("div", "rm", "W F7 /6")
idiv = _("idiv", "rm", "W F7 /7")
imul = _("imul", "r, rm", "W 0F AF /r")
imul_imm = _("imul", "r, rm, i", "W 69 /r")
rcr1 = _("rcr", "rm", "W D1 /3")
shl = _("shl", "rm, i8", "W C1 /4")
shr = _("shr", "rm, i8", "W C1 /5")
sar = _("sar", "rm, i8", "W C1 /7")
rol_cl = _("rol", "rm, cl", "W D3 /0")
ror_cl = _("ror", "rm, cl", "W D3 /1")
bswap = _("bswap", "r", "W 0F C8+r")
btr = _("btr", "rm, i8", "W 0F BA /6")
btc = _("btc", "rm, i8", "W 0F BA /7")

# BMI1, BMI2, LZCNT, POPCNT
andn = _("andn", "r, v, rm", "VEX W 0F 38 F2 /r")
shlx = _("shlx", "r, rm, v", "VEX 66 W 0F 38 F7 /r")
sarx = _("sarx", "r, rm, v", "VEX F3 W 0F 38 F7 /r")
shrx = _("shrx", "r, rm, v", "VEX F2 W 0F 38 F7 /r")
rorx = _("rorx", "r, rm, i8", "VEX F2 W 0F 3A F0 /r")
lzcnt = _("lzcnt", "r, rm", "F3 W 0F BD /r")
tzcnt = _("tzcnt", "r, rm", "F3 W 0F BC /r")
popcnt = _("popcnt", "r, rm", "F3 W 0F B8 /r")

# atomics
lock_xadd = _("xadd", "m, r", "F0 W 0F C1 /r")
xchg = _("xchg", "m, r", "W 87 /r")
lock_cmpxchg = _("cmpxchg", "m, r", "F0 W 0F B1 /r")
lock_or_imm = _("or", "m, i", "F0 W 81 /1")
lock_or = _("or", "m, r", "F0 W 09 /r")

# control
call = _("call", "rm64", "FF /2")
jmp = _("jmp", "rm64", "FF /4")

# SSE2, SSE4.1, PCLMULQDQ: moves and integers
movd = _("movd", "x, rm32", "66 0F 6E /r")
movq = _("movq", "x, rm64", "66 W1 0F 6E /r")
movd_store = _("movd", "rm32, x", "66 0F 7E /r")
movq_store = _("movq", "rm64, x", "66 W1 0F 7E /r")
movss = _("movss", "x, m", "F3 0F 10 /r")
movsd = _("movsd", "x, m", "F2 0F 10 /r")
movss_store = _("movss", "m, x", "F3 0F 11 /r")
movsd_store = _("movsd", "m, x", "F2 0F 11 /r")
movaps = _("movaps", "x, xm", "0F 28 /r")
xorps = _("xorps", "x, xm", "0F 57 /r")
andps = _("andps", "x, xm", "0F 54 /r")
orps = _("orps", "x, xm", "0F 56 /r")
pxor = _("pxor", "x, xm", "66 0F EF /r")
pcmpeqb = _("pcmpeqb", "x, xm", "66 0F 74 /r")
pcmpeqd = _("pcmpeqd", "x, xm", "66 0F 76 /r")
pextrq = _("pextrq", "rm64, x, i8", "66 W1 0F 3A 16 /r")
pclmulqdq = _("pclmulqdq", "x, xm, i8", "66 0F 3A 44 /r")

# SSE2 and FMA3: arithmetic
addss = _("addss", "x, xm", "F3 0F 58 /r")
addsd = _("addsd", "x, xm", "F2 0F 58 /r")
subss = _("subss", "x, xm", "F3 0F 5C /r")
subsd = _("subsd", "x, xm", "F2 0F 5C /r")
mulss = _("mulss", "x, xm", "F3 0F 59 /r")
mulsd = _("mulsd", "x, xm", "F2 0F 59 /r")
divss = _("divss", "x, xm", "F3 0F 5E /r")
divsd = _("divsd", "x, xm", "F2 0F 5E /r")
minss = _("minss", "x, xm", "F3 0F 5D /r")
minsd = _("minsd", "x, xm", "F2 0F 5D /r")
maxss = _("maxss", "x, xm", "F3 0F 5F /r")
maxsd = _("maxsd", "x, xm", "F2 0F 5F /r")
sqrtss = _("sqrtss", "x, xm", "F3 0F 51 /r")
sqrtsd = _("sqrtsd", "x, xm", "F2 0F 51 /r")
ucomiss = _("ucomiss", "x, xm", "0F 2E /r")
ucomisd = _("ucomisd", "x, xm", "66 0F 2E /r")
comiss = _("comiss", "x, xm", "0F 2F /r")
comisd = _("comisd", "x, xm", "66 0F 2F /r")
cvtss2sd = _("cvtss2sd", "x, xm", "F3 0F 5A /r")
cvtsd2ss = _("cvtsd2ss", "x, xm", "F2 0F 5A /r")
cvtss2si = _("cvtss2si", "r, xm", "F3 W 0F 2D /r")
cvtsd2si = _("cvtsd2si", "r, xm", "F2 W 0F 2D /r")
cvttss2si = _("cvttss2si", "r, xm", "F3 W 0F 2C /r")
cvttsd2si = _("cvttsd2si", "r, xm", "F2 W 0F 2C /r")
cvtsi2ss = _("cvtsi2ss", "x, rm", "F3 W 0F 2A /r")
cvtsi2sd = _("cvtsi2sd", "x, rm", "F2 W 0F 2A /r")
vfmadd231ss = _("vfmadd231ss", "x, xv, xm", "VEX 66 0F 38 B9 /r")
vfmadd231sd = _("vfmadd231sd", "x, xv, xm", "VEX 66 W1 0F 38 B9 /r")
vfmsub231ss = _("vfmsub231ss", "x, xv, xm", "VEX 66 0F 38 BB /r")
vfmsub231sd = _("vfmsub231sd", "x, xv, xm", "VEX 66 W1 0F 38 BB /r")
vfnmadd231ss = _("vfnmadd231ss", "x, xv, xm", "VEX 66 0F 38 BD /r")
vfnmadd231sd = _("vfnmadd231sd", "x, xv, xm", "VEX 66 W1 0F 38 BD /r")
vfnmsub231ss = _("vfnmsub231ss", "x, xv, xm", "VEX 66 0F 38 BF /r")
vfnmsub231sd = _("vfnmsub231sd", "x, xv, xm", "VEX 66 W1 0F 38 BF /r")
ldmxcsr = _("ldmxcsr", "m", "0F AE /2")
stmxcsr = _("stmxcsr", "m", "0F AE /3")

# without operands, and branches within a piece of code
RET = b"\xc3"
CDQ = (b"\x99", b"\x48\x99")
RDTSC = b"\x0f\x31"
SYSCALL = b"\x0f\x05"
NOPS = (b"", b"\x90", b"\x66\x90", b"\x0f\x1f\x00", b"\x0f\x1f\x40\x00")
JMP32 = b"\xe9"
CALL32 = b"\xe8"


def jcc32(cc: int) -> bytes:
    """Opcode of a conditional branch; its 32-bit displacement follows."""
    return bytes((0x0F, 0x80 | cc))


def jcc8(cc: int, distance: int) -> bytes:
    """A short conditional branch over `distance` bytes (negative: counted from the branch's end)."""
    return bytes((0x70 | cc,)) + distance.to_bytes(1, "little", signed=True)


def jmp8(distance: int) -> bytes:
    """A short branch over `distance` bytes."""
    return b"\xeb" + distance.to_bytes(1, "little", signed=True)
