"""The table of TCG ops: the only truth about them.

An op on the way through the translator is a flat tuple of small ints: its code, then its fields in the order of its
row. The code is `number << 3 | type`. Builder, printer, parser, verifier, liveness, interpreter, constant folding and
docs/tcg-ops.md derive from the table.

Field letters:
  d          output operand
  a b c e    input operands; `b` may be CONST where the row has an `imm` field, and the value is then `imm`
  imm        a constant: any Python int in -2**63..2**64-1; equal modulo 2**64 means equal
  others     small ints, explained in the row's text
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pytcg.tcg.types import Type

I64, INT, FLOAT, NONE = (Type.I64,), (Type.I32, Type.U32, Type.I64), (Type.F32, Type.F64), (Type.NONE,)
INPUT_FIELDS = frozenset("abce")

Op = tuple[int, ...]


@dataclass(frozen=True)
class OpDef:
    """One row: name, fields, allowed types, flags and meaning."""

    name: str
    fields: tuple[str, ...]
    types: tuple[Type, ...]
    doc: str
    pure: bool = False
    commutative: bool = False
    ends_block: bool = False
    may_fault: bool = False
    is_branch: bool = False
    number: int = field(default=-1, compare=False)

    @property
    def out(self) -> int:
        """Index of the output in the op tuple, or 0 without one."""
        return self.fields.index("d") + 1 if "d" in self.fields else 0

    @property
    def inputs(self) -> tuple[int, ...]:
        """Indices of the input operands in the op tuple."""
        return tuple(i + 1 for i, name in enumerate(self.fields) if name in INPUT_FIELDS)

    @property
    def imm(self) -> int:
        """Index of `imm` in the op tuple, or 0 without one."""
        return self.fields.index("imm") + 1 if "imm" in self.fields else 0


def _binary(name: str, doc: str, *, commutative: bool = False, types: tuple[Type, ...] = INT) -> OpDef:
    return OpDef(name, ("d", "a", "b", "imm"), types, doc, pure=True, commutative=commutative)


def _unary(name: str, doc: str, types: tuple[Type, ...] = INT) -> OpDef:
    return OpDef(name, ("d", "a"), types, doc, pure=True)


def _float(name: str, fields: str, doc: str) -> OpDef:
    return OpDef(name, tuple(fields.split()), FLOAT, doc)


_ROWS = (
    # moves
    OpDef("mov", ("d", "a"), I64, "d = a", pure=True),
    OpDef("movi", ("d", "imm"), I64, "d = imm", pure=True),
    OpDef("pc_rel", ("d", "imm"), I64, "d = pc of the block + imm", pure=True),
    # integer arithmetic
    _binary("add", "d = a + b", commutative=True),
    _binary("sub", "d = a - b"),
    _binary("and", "d = a & b", commutative=True),
    _binary("or", "d = a | b", commutative=True),
    _binary("xor", "d = a ^ b", commutative=True),
    _binary("andc", "d = a & ~b"),
    _binary("orc", "d = a | ~b"),
    _binary("eqv", "d = ~(a ^ b)", commutative=True),
    _binary("shl", "d = a << b; the count is taken modulo the width (32 or 64)"),
    _binary("shr", "d = a >> b, logical; the count is taken modulo the width"),
    _binary("sar", "d = a >> b, arithmetic; the count is taken modulo the width"),
    _binary("rotl", "d = a rotated left by b modulo the width"),
    _binary("rotr", "d = a rotated right by b modulo the width"),
    _binary("mul", "d = low part of a * b", commutative=True),
    _binary("mulsh", "d = high 64 bits of signed a * signed b", commutative=True, types=I64),
    _binary("muluh", "d = high 64 bits of unsigned a * unsigned b", commutative=True, types=I64),
    _binary("mulsuh", "d = high 64 bits of signed a * unsigned b", types=I64),
    _binary("div", "d = signed a / b, towards zero; by zero -1; overflow gives a"),
    _binary("divu", "d = unsigned a / b; by zero all ones"),
    _binary("rem", "d = signed remainder of a / b, sign of a; by zero a; overflow gives 0"),
    _binary("remu", "d = unsigned remainder of a / b; by zero a"),
    _binary("smin", "d = signed minimum", commutative=True),
    _binary("smax", "d = signed maximum", commutative=True),
    _binary("umin", "d = unsigned minimum", commutative=True),
    _binary("umax", "d = unsigned maximum", commutative=True),
    _binary("clmul", "d = low 64 bits of the carry-less product of a and b", commutative=True, types=I64),
    _binary("clmulh", "d = high 64 bits of the 127-bit carry-less product of a and b", commutative=True, types=I64),
    _unary("neg", "d = -a"),
    _unary("not", "d = ~a"),
    _unary("clz", "d = number of leading zeros of a; the width if a is 0"),
    _unary("ctz", "d = number of trailing zeros of a; the width if a is 0"),
    _unary("ctpop", "d = number of ones in a"),
    _unary("bswap", "d = a with its bytes reversed"),
    _unary("orc_b", "d = a with each non-zero byte replaced by 0xff", I64),
    OpDef("extract", ("d", "a", "pos", "len"), I64, "d = bits pos..pos+len-1 of a, zero-extended", pure=True),
    OpDef("sextract", ("d", "a", "pos", "len"), I64, "d = bits pos..pos+len-1 of a, sign-extended", pure=True),
    OpDef(
        "deposit",
        ("d", "a", "b", "pos", "len"),
        I64,
        "d = a with bits pos..pos+len-1 replaced by the low bits of b",
        pure=True,
    ),
    OpDef(
        "setcond",
        ("d", "a", "b", "imm", "cond"),
        INT,
        "d = 1 if a cond b, else 0 (cond: see types.Cond)",
        pure=True,
    ),
    OpDef(
        "movcond",
        ("d", "a", "b", "imm", "cond", "c", "e"),
        INT,
        "d = c if a cond b, else e; the comparison has the op's type, the move is of 64 bits",
        pure=True,
    ),
    # CPU state and host memory
    OpDef(
        "ld",
        ("d", "a", "off", "mop"),
        I64,
        "d = host memory at a + off, extended as mop says; a is ENV for a field of the CPU state",
    ),
    OpDef(
        "st",
        ("a", "b", "off", "mop"),
        I64,
        "host memory at b + off = low bytes of a; b is ENV for a field of the CPU state",
    ),
    OpDef(
        "host_cmpxchg",
        ("d", "a", "b", "c"),
        I64,
        "atomically: d = 64 bits of host memory at a; if d == b, store c there",
    ),
    OpDef("clock", ("d",), I64, "d = the host's counter (a time stamp counter where there is one)"),
    OpDef(
        "kernel_call",
        ("d", "a", "b", "c", "number"),
        I64,
        "d = what call `number` of the host's kernel returns for the arguments a, b, c and zero",
    ),
    # guest memory
    OpDef(
        "guest_ld",
        ("d", "a", "off", "mop", "insn"),
        I64,
        "d = guest memory at a + off, extended as mop says; insn: offset of the guest instruction in its block",
        may_fault=True,
    ),
    OpDef(
        "guest_st", ("a", "b", "off", "mop", "insn"), I64, "guest memory at b + off = low bytes of a", may_fault=True
    ),
    *(
        OpDef(
            f"atomic_{name}",
            ("d", "a", "b", "mop", "insn"),
            I64,
            f"atomically: d = guest memory at a, sign-extended; guest memory at a = {text}; misalignment faults",
            may_fault=True,
        )
        for name, text in (
            ("xchg", "b"),
            ("add", "d + b"),
            ("and", "d & b"),
            ("or", "d | b"),
            ("xor", "d ^ b"),
            ("smin", "signed minimum of d and b"),
            ("smax", "signed maximum of d and b"),
            ("umin", "unsigned minimum of d and b"),
            ("umax", "unsigned maximum of d and b"),
        )
    ),
    OpDef(
        "atomic_cmpxchg",
        ("d", "a", "b", "c", "mop", "insn"),
        I64,
        "atomically: d = guest memory at a, sign-extended; if the low bytes of d and b are equal, guest "
        "memory at a = c",
        may_fault=True,
    ),
    OpDef(
        "guest_probe",
        ("a", "off", "mop", "access", "insn"),
        I64,
        "fault as a READ (access 0) or WRITE (1) of guest memory at a + off would; nothing else",
        may_fault=True,
    ),
    OpDef("mb", (), NONE, "full memory barrier"),
    # control flow inside a block
    OpDef("label", ("label",), NONE, "a place to branch to", is_branch=True),
    OpDef("br", ("label",), NONE, "branch to label", is_branch=True),
    OpDef("brcond", ("a", "b", "imm", "cond", "label"), INT, "branch to label if a cond b", is_branch=True),
    # leaving a block
    OpDef(
        "brcond_tb",
        ("a", "b", "imm", "cond", "delta", "insn"),
        INT,
        "if a cond b: go to the block at pc of this block + delta; a backward target polls for exit requests first",
        is_branch=True,
    ),
    OpDef(
        "goto_tb",
        ("delta", "insn"),
        NONE,
        "go to the block at pc of this block + delta: chained within a page, through the jump cache across pages; "
        "a backward target polls for exit requests first",
        ends_block=True,
    ),
    OpDef(
        "goto_ptr",
        ("a",),
        NONE,
        "go to the block at the guest pc in a, which is never all ones, after a poll for exit requests",
        ends_block=True,
    ),
    OpDef(
        "exit_tb",
        ("delta",),
        NONE,
        "leave machine code, or look the next block up anew under the current flags, with pc = pc of this "
        "block + delta",
        ends_block=True,
    ),
    OpDef(
        "call",
        ("d", "a", "b", "c", "helper", "insn"),
        NONE,
        "env.arg[0..2] = a, b, c; call helper number `helper`; d = env.ret. d, a, b, c may be absent "
        "(CONST). The helper may "
        "raise a guest exception, and then does not come back",
        may_fault=True,
    ),
    OpDef(
        "poll",
        ("mask_off", "delta"),
        NONE,
        "if the 64-bit CPU state field at offset mask_off is not zero: exit_tb delta",
        is_branch=True,
    ),
    OpDef("ret", ("a",), NONE, "end of a native routine: return a", ends_block=True),
    # floating point; rm: see types.Rm. Exceptions accrue in the host's control word or in env.fflags
    _float("fadd", "d a b rm", "d = a + b"),
    _float("fsub", "d a b rm", "d = a - b"),
    _float("fmul", "d a b rm", "d = a * b"),
    _float("fdiv", "d a b rm", "d = a / b"),
    _float("fsqrt", "d a rm", "d = square root of a"),
    _float("fma", "d a b c neg rm", "d = a * b + c fused; neg bit 0 negates the product, bit 1 negates c"),
    _float("fmin", "d a b", "d = minimumNumber(a, b) of IEEE 754-2019: -0 < +0, a NaN loses; signalling NaNs raise NV"),
    _float("fmax", "d a b", "d = maximumNumber(a, b)"),
    _float("fcmp", "d a b cond", "integer d = a cond b; cond EQ is quiet, LT and LE signal on any NaN"),
    _float("fclass", "d a", "integer d = class mask as RISC-V's fclass"),
    _float(
        "fsgnj",
        "d a b mode",
        "d = a with the sign of b (mode 0), its inverse (1), or xored with a's own (2); both unboxed first",
    ),
    _float("fcvt_f", "d a rm", "d (of the op's type) = a converted from the other floating-point type"),
    _float(
        "fcvt_to_int",
        "d a itype rm",
        "integer d = a rounded; itype 0 i32, 1 u32 (result sign-extended), 2 i64, 3 u64; out of range "
        "saturates, NaN gives the maximum, raising NV",
    ),
    _float("fcvt_from_int", "d a itype rm", "d = integer a (itype as in fcvt_to_int) rounded to the op's type"),
    _float("fmv_to_int", "d a", "integer d = the bits of a; f32: the low 32 bits, sign-extended"),
    _float("fmv_from_int", "d a", "d = the bits of integer a; f32: the low 32 bits, NaN-boxed"),
)

OPS: tuple[OpDef, ...] = tuple(OpDef(**{**row.__dict__, "number": n}) for n, row in enumerate(_ROWS))
BY_NAME: dict[str, OpDef] = {op.name: op for op in OPS}

# Columns of the table for the passes, indexed by op number: indices into the op tuple of the output (0: none), of the
# inputs, of all operands, and of the label (0: none).
OUT: tuple[int, ...] = tuple(op.out for op in OPS)
INPUTS: tuple[tuple[int, ...], ...] = tuple(op.inputs for op in OPS)
OPERANDS: tuple[tuple[int, ...], ...] = tuple((op.out, *op.inputs) if op.out else op.inputs for op in OPS)
LABEL: tuple[int, ...] = tuple(op.fields.index("label") + 1 if "label" in op.fields else 0 for op in OPS)


def code(name: str, type: Type = Type.NONE) -> int:
    """The code of an op of a type: what stands first in its tuple. Raises ValueError for a type that the op lacks."""
    row = BY_NAME[name]
    if type not in row.types:
        raise ValueError(f"{name} has no type {type.name}")
    return row.number << 3 | type


def definition(op_code: int) -> OpDef:
    """The row of an op code."""
    return OPS[op_code >> 3]


def type_of(op_code: int) -> Type:
    """The type of an op code."""
    return Type(op_code & 7)


def name_of(op_code: int) -> str:
    """The name an op code is written with: `add.i64`, or `mb` for an op without a type."""
    kind = op_code & 7
    name = definition(op_code).name
    return f"{name}.{Type(kind).name.lower()}" if kind else name
