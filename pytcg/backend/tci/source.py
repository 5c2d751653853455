"""From flat ops to the source of one Python function, `block(env, pc)`.

Globals and spill slots are words of env; temporaries and host registers are local variables. What the ops compute
comes from `tcg/eval.py` and `tcg/soft.py`: the source only calls it. A block with labels becomes a loop around one
`if at <= n:` a stretch between labels; a branch sets `at` and goes round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytcg.backend.base import Status
from pytcg.tcg import soft
from pytcg.tcg.eval import atomic_update, condition, evaluator
from pytcg.tcg.helpers import Action
from pytcg.tcg.ops import FLOAT, INPUT_FIELDS, OPS, Op, OpDef
from pytcg.tcg.passes.liveness import LABEL_OP
from pytcg.tcg.state import CONST, ENV, GLOBALS_BASE, HOST_REG, SPILL, TEMP, WORD, Layout
from pytcg.tcg.types import MASK64, Rm

#: rounding modes in the order of the RC field of MXCSR (Intel SDM, volume 1, table 4-8)
MXCSR_ROUNDING = (Rm.RNE, Rm.RDN, Rm.RUP, Rm.RTZ)

Fields = dict[str, int]


class BlockSource:
    """Writes the function of one block; `names` collects the objects that it refers to."""

    def __init__(self, layout: Layout, names: dict[str, object]) -> None:
        self.layout = layout
        self.names = names
        self.lines: list[str] = []
        self.indent = "    "
        self.segment: dict[int, int] = {}

    def write(self, ops: Sequence[Op]) -> str:
        """The source of `def block(env, pc)`."""
        labels = [op[1] for op in ops if op[0] >> 3 == LABEL_OP]
        self.segment = {label: n for n, label in enumerate(labels, 1)}
        self.line("w = env.words")
        if labels:
            self.line("at = 0")
            self.line("while True:")
            self.line("    if at <= 0:")
            self.line("        pass")
            self.indent = " " * 12
        for op in ops:
            row = OPS[op[0] >> 3]
            fields = dict(zip(row.fields, op[1:], strict=True))
            WRITERS[row.number](self, op[0], row, fields)
        return "def block(env, pc):\n" + "\n".join(self.lines) + "\n"

    # Pieces

    def line(self, text: str) -> None:
        """A line at the current depth."""
        self.lines.append(self.indent + text)

    def word(self, field: str) -> str:
        """A field of the CPU state."""
        return f"w[{(self.layout.offset[field] - GLOBALS_BASE) // WORD}]"

    def operand(self, number: int) -> str:
        """An operand's value, or the place it is assigned to."""
        if number == 0:
            return "0"
        if number >= TEMP:
            return f"t{number - TEMP}"
        if HOST_REG <= number < SPILL:
            return f"h{number - HOST_REG}"
        return f"w[{(self.layout.operand(number) - GLOBALS_BASE) // WORD}]"

    def inputs(self, row: OpDef, fields: Fields) -> list[str]:
        """The values of the inputs, in order; a CONST `b` is its `imm`."""
        return [
            str(fields["imm"] & MASK64) if fields[name] == CONST else self.operand(fields[name])
            for name in row.fields
            if name in INPUT_FIELDS
        ]

    def name(self, name: str, value: object) -> str:
        """A name by which the source can refer to an object."""
        self.names[name] = value
        return name

    def address(self, base: int, offset: int) -> str:
        """A guest or host address."""
        start = "env.address" if base == ENV else self.operand(base)
        return f"{start} + {offset} & {MASK64}" if offset else start

    def pc(self, distance: int) -> str:
        """A guest pc, from its distance to the block's."""
        return f"pc + {distance} & {MASK64}"

    def compare(self, op_code: int, row: OpDef, fields: Fields) -> str:
        """A condition of `a` and `b`."""
        cond = fields["cond"]
        function = self.name(f"cond_{op_code & 7}_{cond}", condition(op_code, cond))
        return f"{function}({', '.join(self.inputs(row, fields)[:2])})"

    def leave(self, pc: str, poll: bool, depth: str = "") -> None:
        """Return to the CPU loop, which goes on at `pc`."""
        self.line(f"{depth}{self.word('pc')} = {pc}")
        self.line(f"{depth}return {self.polled if poll else int(Status.LOOKUP)}")

    @property
    def polled(self) -> str:
        """The status with which the CPU loop is to go on, or to look at env.irq first."""
        return f"{int(Status.INTERRUPT)} if {self.word('irq')} else {int(Status.LOOKUP)}"

    def leave_unless(self, holds: str) -> None:
        """Return to the CPU loop after a guest exception, which may lead to another one for ever."""
        self.line(f"if not ({holds}):")
        self.line(f"    return {self.polled}")

    # A method a group of ops

    def pure(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """d = f(inputs, other fields)."""
        arguments = self.inputs(row, fields)
        if row.name == "pc_rel":
            arguments.append("pc")
        rest = [value for name, value in fields.items() if name not in INPUT_FIELDS and name != "d"]
        if "b" in fields and row.imm:
            rest.remove(fields["imm"])
        function = self.name(f"op_{op_code}", evaluator(op_code))
        self.line(f"{self.operand(fields['d'])} = {function}({', '.join([*arguments, *map(str, rest)])})")

    def mov(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """d = a."""
        self.line(f"{self.operand(fields['d'])} = {self.operand(fields['a'])}")

    def movi(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """d = imm."""
        self.line(f"{self.operand(fields['d'])} = {fields['imm'] & MASK64}")

    def floating(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """d and exception flags = f(inputs, other fields)."""
        self.name("rounding", MXCSR_ROUNDING)
        self.name("evaluate_float", soft.evaluate)
        rest = [
            f"rounding[{self.word('mxcsr')} >> 13 & 3]" if name == "rm" and value == Rm.DYN else str(int(value))
            for name, value in fields.items()
            if name not in INPUT_FIELDS and name != "d"
        ]
        inputs = "".join(f"{text}, " for text in self.inputs(row, fields))
        extra = "".join(f"{text}, " for text in rest)
        self.line(f"value, flags = evaluate_float({op_code}, ({inputs}), ({extra}))")
        self.line(f"{self.operand(fields['d'])} = value")
        self.line(f"{self.word('fflags')} |= flags")

    def ld(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """A load from host memory."""
        address = self.address(fields["a"], fields["off"])
        self.line(f"{self.operand(fields['d'])} = load_host({address}, {fields['mop']})")

    def st(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """A store to host memory."""
        address = self.address(fields["b"], fields["off"])
        self.line(f"store_host({address}, {self.operand(fields['a'])}, {fields['mop']})")

    def host_cmpxchg(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """A compare-and-exchange in host memory."""
        self.line(f"{self.operand(fields['d'])} = cmpxchg_host({', '.join(self.inputs(row, fields))})")

    def clock(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """The host's counter."""
        self.line(f"{self.operand(fields['d'])} = clock() & {MASK64}")

    def kernel_call(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """A call of the host's kernel."""
        arguments = ", ".join((str(fields["number"]), *self.inputs(row, fields)))
        self.line(f"{self.operand(fields['d'])} = kernel_call({arguments})")

    def guest_ld(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """A load from guest memory."""
        address = self.address(fields["a"], fields["off"])
        self.line(f"value = memory.load(env, {address}, {fields['mop']}, {self.pc(fields['insn'])})")
        self.leave_unless("value is not None")
        self.line(f"{self.operand(fields['d'])} = value")

    def guest_st(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """A store to guest memory."""
        address = self.address(fields["b"], fields["off"])
        value = self.operand(fields["a"])
        self.leave_unless(f"memory.store(env, {address}, {value}, {fields['mop']}, {self.pc(fields['insn'])})")

    def guest_probe(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """The fault that an access would raise."""
        address = self.address(fields["a"], fields["off"])
        rest = f"{fields['mop']}, {fields['access']}, {self.pc(fields['insn'])}"
        self.leave_unless(f"memory.probe(env, {address}, {rest})")

    def atomic(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """A read-modify-write of guest memory."""
        mop = fields["mop"]
        address, *values = self.inputs(row, fields)
        update = self.name(f"update_{row.number}_{mop & 3}", atomic_update(row.name, mop))
        bound = "".join(f", v{n}={value}" for n, value in enumerate(values))
        names = "".join(f", v{n}" for n in range(len(values)))
        self.line(f"change = lambda old{bound}: {update}(old{names})")
        self.line(f"value = memory.atomic(env, {address}, change, {mop}, {self.pc(fields['insn'])})")
        self.leave_unless("value is not None")
        self.line(f"{self.operand(fields['d'])} = value")

    def mb(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Python threads see each other's stores in order."""

    def label(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Begin a new stretch."""
        self.indent = " " * 8
        self.line(f"if at <= {self.segment[fields['label']]}:")
        self.line("    pass")
        self.indent = " " * 12

    def br(self, op_code: int, row: OpDef, fields: Fields, depth: str = "") -> None:
        """Go round to a stretch."""
        self.line(f"{depth}at = {self.segment[fields['label']]}")
        self.line(f"{depth}continue")

    def brcond(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Go round to a stretch, on a condition."""
        self.line(f"if {self.compare(op_code, row, fields)}:")
        self.br(op_code, row, fields, "    ")

    def brcond_tb(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Leave the block, on a condition."""
        self.line(f"if {self.compare(op_code, row, fields)}:")
        self.leave(self.pc(fields["delta"]), fields["delta"] <= fields["insn"], "    ")

    def goto_tb(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Leave the block."""
        self.leave(self.pc(fields["delta"]), fields["delta"] <= fields["insn"])

    def goto_ptr(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Leave the block for a computed pc."""
        self.leave(self.operand(fields["a"]), True)

    def exit_tb(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Leave the block after a change of state."""
        self.leave(self.pc(fields["delta"]), True)

    def poll(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Leave the block if a field of the CPU state says so."""
        self.line(f"if w[{(fields['mask_off'] - GLOBALS_BASE) // WORD}]:")
        self.leave(self.pc(fields["delta"]), True, "    ")

    def call(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """Call a helper."""
        argument = (self.layout.offset["arg"] - GLOBALS_BASE) // WORD
        for n, name in enumerate("abc"):
            if fields[name] != CONST:
                self.line(f"w[{argument + n}] = {self.operand(fields[name])}")
        self.line(f"{self.word('insn_pc')} = {self.pc(fields['insn'])}")
        self.line(f"action = helpers[{fields['helper']}](env)")
        self.line("if action:")
        self.line(f"    return ({self.polled}) if action == {int(Action.JUMP)} else {int(Status.INTERRUPT)}")
        if fields["d"] != CONST:
            self.line(f"{self.operand(fields['d'])} = {self.word('ret')}")

    def ret(self, op_code: int, row: OpDef, fields: Fields) -> None:
        """The result of a native routine."""
        self.line(f"return {self.operand(fields['a'])}")


Writer = Callable[[BlockSource, int, OpDef, Fields], None]


def _writer(row: OpDef) -> Writer:
    """The method for a row: its own, or that of its group."""
    if row.types is FLOAT:
        return BlockSource.floating
    group = "atomic" if row.name.startswith("atomic_") else row.name
    writer: Writer = getattr(BlockSource, group, BlockSource.pure)
    return writer


WRITERS: tuple[Writer, ...] = tuple(map(_writer, OPS))
