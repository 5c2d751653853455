"""Blocks executed on symbols: what a block does for all values of registers and memory, as formulas.

Guest memory, helpers and floating point are uninterpreted functions of all that they may depend on, so two blocks that
give equal formulas make the same accesses, in the same order, with the same guest state where one may fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from z3 import (
    Array,
    BitVec,
    BitVecSort,
    BitVecVal,
    Concat,
    Extract,
    Function,
    If,
    Select,
    SignExt,
    Solver,
    Store,
    ZeroExt,
    sat,
    unsat,
)

from pytcg.tcg.ops import OPS, Op
from pytcg.tcg.state import CONST, ENV, NUM_GLOBALS
from pytcg.tcg.types import MO_SIGN
from tests.tcg.bitvectors import Term, compare, constant, formula

WORD, BYTE = BitVecSort(64), BitVecSort(8)
MEMORY = Array("memory", WORD, BYTE).sort()
#: a block starts at an even pc
PC = Concat(BitVec("pc / 2", 63), BitVecVal(0, 1))
#: what a proof may take
MILLISECONDS = 5000
#: fields that formulas and functions do not take as numbers
OPERANDS = frozenset(("d", "a", "b", "c", "e", "imm"))


class Symbolic:
    """Runs blocks on symbols for some registers."""

    def __init__(self, registers: Sequence[int]) -> None:
        self.registers = registers

    def outcome(self, ops: Sequence[Op]) -> list[Term]:
        """pc, host memory, the order of events, and the guest registers, at the end of a block without loops."""
        self.ops = ops
        self.labels = {op[1]: at for at, op in enumerate(ops) if OPS[op[0] >> 3].name == "label"}
        values = {n: BitVec(f"g{n}", 64) for n in self.registers}
        values |= {0: constant(0), ENV: BitVec("env", 64)}
        return self.go_on(0, values, Array("memory", WORD, BYTE), BitVec("events", 64))

    def go_on(self, at: int, values: dict[int, Term], memory: Term, events: Term) -> list[Term]:
        """Execute from an op on; a branch goes both ways."""
        while True:
            op = self.ops[at]
            row = OPS[op[0] >> 3]
            fields = dict(zip(row.fields, op[1:], strict=True))
            inputs = [
                constant(fields["imm"]) if op[n] == CONST and row.imm else values.get(op[n], constant(0))
                for n in row.inputs
            ]
            rest = [value for name, value in fields.items() if name not in OPERANDS]
            at += 1
            state = [values[n] for n in self.registers]
            if row.name in ("movi", "pc_rel"):
                values[op[1]] = formula(op[0], *([PC] if row.name == "pc_rel" else []), fields["imm"])
            elif row.pure:
                values[op[1]] = formula(op[0], *inputs, *rest)
            elif row.name == "label":
                pass
            elif row.name == "br":
                at = self.labels[fields["label"]]
            elif row.name in ("brcond", "brcond_tb"):
                holds = compare(op[0], *inputs, fields["cond"])
                other = self.go_on(at, dict(values), memory, events)
                if row.name == "brcond":
                    taken = self.go_on(self.labels[fields["label"]], dict(values), memory, events)
                else:
                    taken = [PC + constant(fields["delta"]), memory, events, *state]
                return [If(holds, one, two) for one, two in zip(taken, other, strict=True)]
            elif row.name in ("goto_tb", "exit_tb"):
                return [PC + constant(fields["delta"]), memory, events, *state]
            elif row.name == "goto_ptr":
                return [inputs[0], memory, events, *state]
            elif row.name == "ld":
                values[op[1]] = load(memory, inputs[0] + constant(fields["off"]), fields["mop"])
            elif row.name == "st":
                memory = store(memory, inputs[1] + constant(fields["off"]), inputs[0], fields["mop"])
            else:
                if "off" in fields:  # an address is one sum, however it is written
                    place = row.inputs[-1] if row.name == "guest_st" else row.inputs[0]
                    index = row.inputs.index(place)
                    inputs[index] = inputs[index] + constant(fields["off"])
                    rest = [value for name, value in fields.items() if name not in OPERANDS | {"off"}]
                name = "_".join(map(str, (row.name, op[0] & 7, *rest)))
                seen = [events, *inputs, *(state if row.may_fault else [])]
                events = function(f"{name} happens", *seen, memory)
                if row.name == "call":
                    values |= {n: function(f"{name} makes g{n}", events) for n in self.registers}
                if "d" in fields:  # after what a helper changes: it is copied from env.ret
                    values[op[1]] = function(f"{name} gives", events)
                memory = Function(f"{name} leaves", WORD, MEMORY)(events)


def function(name: str, *arguments: Term) -> Term:
    """A function of which nothing is known."""
    return Function(f"{name} {len(arguments)}", *(argument.sort() for argument in arguments), WORD)(*arguments)


def load(memory: Term, address: Term, mop: int) -> Term:
    """A value in host memory, extended."""
    octets = [Select(memory, address + n) for n in range(1 << (mop & 3))]
    value = Concat(*reversed(octets)) if len(octets) > 1 else octets[0]
    extend: Any = SignExt if mop & MO_SIGN else ZeroExt
    return extend(64 - value.size(), value)


def store(memory: Term, address: Term, value: Term, mop: int) -> Term:
    """Host memory with the low bytes of a value stored."""
    for n in range(1 << (mop & 3)):
        memory = Store(memory, address + n, Extract(8 * n + 7, 8 * n, value))
    return memory


class UndecidedError(Exception):
    """z3 ran out of time."""


def difference(before: Sequence[Op], after: Sequence[Op]) -> str:
    """Values for which two blocks differ; empty where z3 proves that there are none. Raises UndecidedError."""
    operands = {value for op in (*before, *after) for value in op[1:]}
    symbolic = Symbolic([n for n in range(1, NUM_GLOBALS) if n in operands])
    for one, two in zip(symbolic.outcome(before), symbolic.outcome(after), strict=True):
        if one.eq(two):
            continue
        solver = Solver()
        solver.set("timeout", MILLISECONDS)
        solver.add(one != two)
        result = solver.check()
        if result == sat:
            return str(solver.model())
        if result != unsat:
            raise UndecidedError(solver.reason_unknown())
    return ""
