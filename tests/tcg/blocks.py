"""Random well-formed blocks for hypothesis, drawn from the op table, and the states that they start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st

from pytcg.tcg.builder import Builder
from pytcg.tcg.ops import BY_NAME, FLOAT, INPUT_FIELDS, OPS, Op, OpDef
from pytcg.tcg.state import CONST, ENV, TEMP
from pytcg.tcg.types import MASK64, MO_ALIGN, MO_MODE_SHIFT, Cond, Rm, Type
from pytcg.tcg.verify import FLOAT_CONDITIONS
from tests.backend.target import HOST_ADDRESS, HOST_BYTES, JUMP, LEAVE, OWN, PAGE, RAM, Start, scrambler
from tests.tcg.words import WORDS

T = TypeVar("T")
#: registers of the blocks, hot and not, and those that hold guest and host addresses, which blocks do not assign
REGISTERS = (15, 2, 14, 20, 21, 40)
GUEST, HOST = 10, 22
#: rows whose operands may be any values
PURE = [row for row in OPS if row.pure and row.name not in ("mov", "movi", "pc_rel")]
PLAIN = [*PURE, *(row for row in OPS if row.types is FLOAT)]
ATOMIC = [row for row in OPS if row.name.startswith("atomic_")]
#: more are live at once than some backends have registers, and few enough for all to have a place
MOST_TEMPS = 14
IMMEDIATES = (0, 1, -1, -2, 5, 63, 127, 128, -129, 0x7FFFF000, -(1 << 31), 1 << 31, 1 << 32, 1 << 63)
KINDS = (
    *("plain",) * 6,
    *("mov", "movi", "pc_rel", "add", "add", "ld", "st", "guest_ld", "guest_ld", "guest_st", "guest_probe", "atomic"),
    *("call", "exit", "branch", "branch", "loop", "host_cmpxchg", "mb"),
)
NATIVE_KINDS = (*("plain",) * 5, *("mov", "movi", "add", "ld", "st", "branch", "loop", "host_cmpxchg"))


class Block(NamedTuple):
    """Ops, and the number of their temporaries."""

    ops: list[Op]
    temps: int


class Writer:
    """Writes one block, drawing from hypothesis."""

    def __init__(self, draw: Callable[[Any], Any], kinds: tuple[str, ...]) -> None:
        self.draw = draw
        self.kinds = kinds
        self.plain_rows = PURE if kinds is NATIVE_KINDS else PLAIN
        self.b = Builder()
        self.temps = [self.b.temp() for _ in range(4)]
        self.defined: list[int] = []
        self.insn = 0

    # Fields

    def pick(self, *choices: T) -> T:
        picked: T = self.draw(st.sampled_from(choices))
        return picked

    def value(self) -> int:
        return self.pick(0, *REGISTERS, *self.defined, *self.defined)

    def target(self) -> int:
        target = self.pick(*REGISTERS, *self.temps, *[-1] * 4)
        if target < 0:
            target = self.b.temp() if self.b.temps < MOST_TEMPS else self.temps[0]
        if target >= TEMP and target not in self.defined:
            self.defined.append(target)
        return target

    def constant_or_value(self) -> tuple[int, int]:
        return (CONST, self.pick(*IMMEDIATES)) if self.draw(st.booleans()) else (self.value(), 0)

    def mop(self, signed: bool = True) -> int:
        mode, align = self.pick(0, 1), self.pick(0, 0, 0, MO_ALIGN)
        return self.pick(3, 0, 1, 2, *((4, 5, 6, 7) if signed else ())) | mode << MO_MODE_SHIFT | align

    # Kinds of ops

    def plain(self) -> None:
        """A pure or floating-point op of any row."""
        self.row(self.pick(*self.plain_rows))

    def row(self, row: OpDef) -> None:
        pos = self.pick(0, 1, 8, 31, 32, 63)
        choices = {
            "cond": FLOAT_CONDITIONS if row.types is FLOAT else tuple(Cond),
            "rm": tuple(Rm),
            "neg": range(4),
            "mode": range(3),
            "itype": range(4),
            "pos": (pos,),
            "len": [n for n in (1, 8, 32, 64) if pos + n <= 64],
        }
        values: dict[str, int] = {}
        for name in row.fields:
            if name == "b" and row.imm:
                values["b"], values["imm"] = self.constant_or_value()
            elif name in INPUT_FIELDS:
                values[name] = self.value()
            elif name not in ("d", "imm"):
                values[name] = self.pick(*choices[name])
        values["d"] = self.target()
        self.b.emit(row.name, self.pick(*row.types), *(values[name] for name in row.fields))

    def mov(self) -> None:
        a = self.value()
        self.b.emit("mov", Type.I64, self.target(), a)

    def movi(self) -> None:
        self.b.emit("movi", Type.I64, self.target(), self.pick(*IMMEDIATES))

    def pc_rel(self) -> None:
        self.b.emit("pc_rel", Type.I64, self.target(), self.pick(-8192, 16, 5000, -6, 1 << 40))

    def add(self) -> None:
        """What makes addresses and constants of several ops."""
        a, imm = self.value(), self.pick(*IMMEDIATES)
        self.b.binary_const("add", self.target(), a, imm, self.pick(Type.I64, Type.I64, Type.I32))

    def ld(self) -> None:
        base, off = self.pick((ENV, OWN), (ENV, OWN), (HOST, 0))
        off += self.pick(0, 8, 4, 1)
        self.b.emit("ld", Type.I64, self.target(), base, off, self.pick(3, 3, 0, 1, 2, 4, 5, 6))

    def st(self) -> None:
        base, off = self.pick((ENV, OWN), (ENV, OWN), (HOST, 0))
        self.b.emit("st", Type.I64, self.value(), base, off + self.pick(0, 8, 4, 1), self.pick(3, 3, 0, 1, 2))

    def host_cmpxchg(self) -> None:
        b, c = self.value(), self.value()
        self.b.emit("host_cmpxchg", Type.I64, self.target(), HOST, b, c)

    def mb(self) -> None:
        self.b.emit("mb", Type.NONE)

    def guest(self) -> int:
        """An address: mostly one that leads to RAM."""
        how = self.pick("register", "sum", "value")
        if how == "value":
            return self.value()
        if how == "register":
            return GUEST
        temp, index = self.b.temp(), self.value()
        self.b.binary_const("and", temp, index, 0xFF8)
        self.b.binary("add", temp, temp, GUEST)
        self.defined.append(temp)
        return temp

    def offset(self) -> int:
        return self.pick(0, 8, -8, 1, 2047, -2048, PAGE, -(1 << 31), (1 << 31) - 1)

    def guest_ld(self) -> None:
        base = self.guest()
        self.b.emit("guest_ld", Type.I64, self.target(), base, self.offset(), self.mop(), self.insn)

    def guest_st(self) -> None:
        base, value = self.guest(), self.value()
        self.b.emit("guest_st", Type.I64, value, base, self.offset(), self.mop(signed=False), self.insn)

    def guest_probe(self) -> None:
        base = self.guest()
        self.b.emit("guest_probe", Type.I64, base, self.offset(), self.mop(signed=False), self.pick(0, 1), self.insn)

    def atomic(self) -> None:
        row, base, b, c = self.pick(*ATOMIC), self.guest(), self.value(), self.value()
        operands = (base, b, c) if "c" in row.fields else (base, b)
        self.b.emit(row.name, Type.I64, self.target(), *operands, self.pick(2, 3), self.insn)

    def call(self) -> None:
        inputs = [self.pick(CONST, self.value()) for _ in range(3)]
        d = self.target() if self.draw(st.booleans()) else CONST
        helper = self.pick(*[scrambler(*inputs)] * 4, JUMP, LEAVE)
        self.b.emit("call", Type.NONE, d, *inputs, helper, self.insn)

    def exit(self) -> None:
        if self.pick(True, True, False):
            a, (b, imm) = self.value(), self.constant_or_value()
            fields = (self.pick(*Cond), self.pick(-4, 0, 128, 8192), self.insn)
            self.b.emit("brcond_tb", self.int_type(), a, b, imm, *fields)
        else:
            self.b.emit("poll", Type.NONE, OWN + self.pick(0, 8), self.pick(-4, 128))

    def int_type(self) -> Type:
        return self.pick(*BY_NAME["brcond"].types)

    def branch(self) -> None:
        a, (b, imm), label, before = self.value(), self.constant_or_value(), self.b.label(), list(self.defined)
        self.b.emit("brcond", self.int_type(), a, b, imm, self.pick(*Cond), label)
        self.some(3)
        self.defined = list(before)
        if self.draw(st.booleans()):
            over = self.b.label()
            self.b.emit("br", Type.NONE, over)
            self.b.place(label)
            self.some(2)
            label = over
        self.b.place(label)
        self.defined = list(before)

    def loop(self) -> None:
        counter, label = self.b.temp(), self.b.label()
        self.b.emit("movi", Type.I64, counter, 3)
        self.b.place(label)
        self.some(3)
        self.b.binary_const("sub", counter, counter, 1)
        self.b.emit("brcond", Type.I64, counter, CONST, 0, Cond.NE, label)

    def some(self, most: int) -> None:
        for _ in range(self.draw(st.integers(1, most))):
            if len(self.b.ops) < 60:
                getattr(self, self.pick(*self.kinds))()
                self.insn += 2

    def finish(self, native: bool) -> Block:
        self.some(14)
        if native:
            self.b.emit("ret", Type.NONE, self.value())
        else:
            end, temp = self.pick("goto_tb", "goto_ptr", "exit_tb"), self.b.temp()
            if end == "goto_ptr":
                self.b.binary_const("and", temp, self.value(), -2)
            fields = {
                "goto_tb": (self.pick(64, 0, -4, 8192), self.insn),
                "goto_ptr": (temp,),
                "exit_tb": (self.pick(64, -4),),
            }
            self.b.emit(end, Type.NONE, *fields[end])
        return Block(self.b.ops, self.b.temps)


@st.composite
def blocks(draw: Callable[[Any], Any], native: bool = False, leave_out: tuple[str, ...] = ()) -> Block:
    """A block; `native`: a routine. `leave_out`: kinds of ops that it does not have."""
    kinds = NATIVE_KINDS if native else KINDS
    if leave_out:
        kinds = tuple(kind for kind in kinds if kind not in leave_out)
    return Writer(draw, kinds).finish(native)


@st.composite
def starts(draw: Callable[[Any], Any]) -> Start:
    """A state: registers of edges, floating-point numbers and random words."""
    ones = 0x3FF00000_00000000, 0xFFFFFFFF_3F800000, 0x7FF80000_00000000, 0x00000000_00000001
    words = st.sampled_from((*WORDS, *ones)) | st.integers(0, MASK64)
    values = [0] * 64
    for register in REGISTERS:
        values[register] = draw(words)
    values[GUEST] = RAM + draw(st.sampled_from((0, 8, 2048, PAGE - 4)))
    values[HOST] = HOST_ADDRESS + 8
    own = tuple(draw(st.sampled_from((0, 1, MASK64))) for _ in range(4))
    ram = bytes(range(256)) * (PAGE // 128)
    host = draw(st.sampled_from((b"", b"\x80\xff" * (HOST_BYTES // 2))))
    return Start(values, own, ram, host, draw(st.sampled_from((0, 0, 1))), draw(st.integers(0, 3)), 0x100)
