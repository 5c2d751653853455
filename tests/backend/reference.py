"""The reference of the conformance tests: ops executed one after the other, as the table says, by the evaluators."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from pytcg.backend.tci.memory import WORDS
from pytcg.native.intrinsics import kernel_call
from pytcg.tcg import soft
from pytcg.tcg.eval import atomic_update, condition, evaluator, extend
from pytcg.tcg.helpers import Action
from pytcg.tcg.ops import FLOAT, INPUT_FIELDS, OPS, OUT, Op
from pytcg.tcg.state import CONST, ENV, GLOBALS_BASE, NUM_GLOBALS, WORD
from pytcg.tcg.types import MASK64, Rm
from tests.backend.target import HELPERS, INTERRUPT, LOOKUP, PC, Target

ROUNDING = (Rm.RNE, Rm.RDN, Rm.RUP, Rm.RTZ)
NOT_ARGUMENTS = (*INPUT_FIELDS, "d", "imm", "insn", "label", "delta", "mop", "off")


class Reference(Target):
    """Counts what it executes by op code. Temporaries that are read before they are assigned raise KeyError.

    `polls_at`: the pc of a backward branch that is to leave when it polls, before it is done, as a backend may; or the
    target of a forward branch that is to poll too.
    """

    def __init__(self, native: bool = False) -> None:
        super().__init__()
        self.native = native
        self.executed: Counter[int] = Counter()
        self.polls_at = 0

    def execute(self, ops: Sequence[Op], temps: int, page_offset: int) -> int:
        labels = {op[1]: at for at, op in enumerate(ops) if OPS[op[0] >> 3].name == "label"}
        self.values: dict[int, int] = {}
        self.pc = PC + page_offset
        at = 0
        while True:
            op = ops[at]
            self.executed[op[0]] += 1
            row = OPS[op[0] >> 3]
            fields = dict(zip(row.fields, op[1:], strict=True))
            inputs = tuple(
                fields["imm"] & MASK64 if op[n] == CONST and row.imm else self.value(op[n]) for n in row.inputs
            )
            at += 1
            if row.pure:
                self.assign(op, evaluator(op[0])(*self.arguments(row.name, inputs, fields)))
            elif row.types is FLOAT:
                rest = tuple(value for name, value in fields.items() if name not in NOT_ARGUMENTS)
                if rest and row.fields[-1] == "rm" and rest[-1] == Rm.DYN:
                    rest = (*rest[:-1], ROUNDING[self.env.mxcsr >> 13 & 3])
                value, flags = soft.evaluate(op[0], inputs, rest)
                self.env.fflags |= flags
                self.assign(op, value)
            elif "label" in fields:
                if row.name == "br" or (row.name == "brcond" and condition(op[0], fields["cond"])(*inputs)):
                    at = labels[fields["label"]]
            elif row.may_fault:
                status = self.fault(op, row.name, inputs, fields)
                if status is not None:
                    return status
            elif row.name == "ret":
                return inputs[0]
            elif row.ends_block or row.is_branch:
                if (
                    "insn" in fields
                    and self.env.irq
                    and fields["delta"] <= fields["insn"]
                    and (self.polls_at == self.pc + fields["insn"])
                ):
                    self.env.pc = self.polls_at
                    return INTERRUPT
                if row.name == "brcond_tb" and not condition(op[0], fields["cond"])(*inputs):
                    continue
                if row.name == "poll" and not self.env.words[(fields["mask_off"] - GLOBALS_BASE) // WORD]:
                    continue
                return self.leave(row.name, inputs, fields)
            else:
                self.host(op, row.name, inputs, fields)

    def arguments(self, name: str, inputs: tuple[int, ...], fields: dict[str, int]) -> tuple[int, ...]:
        """What the evaluator of a pure op takes."""
        if name in ("movi", "pc_rel"):
            return (*([self.pc] if name == "pc_rel" else []), fields["imm"])
        return (*inputs, *(value for field, value in fields.items() if field not in NOT_ARGUMENTS))

    def value(self, operand: int) -> int:
        if operand == ENV:
            address: int = self.env.address
            return address
        if operand == CONST:
            return 0
        return int(self.env.globals[operand]) if operand < NUM_GLOBALS else self.values[operand]

    def assign(self, op: Op, value: int) -> None:
        d = op[OUT[op[0] >> 3]]
        if d == CONST:
            return
        if d < NUM_GLOBALS:
            self.env.globals[d] = value
        else:
            self.values[d] = value

    def host(self, op: Op, name: str, inputs: tuple[int, ...], fields: dict[str, int]) -> None:
        """Host memory, the counter, and barriers."""
        match name:
            case "ld":
                place = WORDS[fields["mop"] & 3].from_address(inputs[0] + fields["off"])
                self.assign(op, extend(place.value, fields["mop"]))
            case "st":
                WORDS[fields["mop"] & 3].from_address(inputs[1] + fields["off"]).value = inputs[0]
            case "host_cmpxchg":
                place = WORDS[3].from_address(inputs[0])
                old = place.value
                if old == inputs[1]:
                    place.value = inputs[2]
                self.assign(op, old)
            case "clock":
                self.assign(op, time.perf_counter_ns())
            case "kernel_call":
                self.assign(op, kernel_call(fields["number"], *inputs))
            case _:
                assert name == "mb"

    def fault(self, op: Op, name: str, inputs: tuple[int, ...], fields: dict[str, int]) -> int | None:
        """Guest memory and helpers; a status where the block ends."""
        env, memory = self.env, self.memory
        insn_pc = self.pc + fields["insn"] & MASK64
        if name == "call":
            for n, field in enumerate("abc"):
                if fields[field] != CONST:
                    env.arg[n] = inputs[n]
            env.insn_pc = insn_pc
            action = HELPERS[fields["helper"]](env)
            if action != Action.CONTINUE:
                return self.polled if action == Action.JUMP else INTERRUPT
            self.assign(op, env.ret)
            return None
        mop = fields["mop"]
        address = (inputs[1] if name == "guest_st" else inputs[0]) + fields.get("off", 0) & MASK64
        match name:
            case "guest_st":
                return None if memory.store(env, address, inputs[0], mop, insn_pc) else self.polled
            case "guest_probe":
                return None if memory.probe(env, address, mop, fields["access"], insn_pc) else self.polled
            case "guest_ld":
                value = memory.load(env, address, mop, insn_pc)
            case _:
                update = atomic_update(name, mop)
                value = memory.atomic(env, address, lambda old: update(old, *inputs[1:]), mop, insn_pc)
        if value is None:
            return self.polled
        self.assign(op, value)
        return None

    def leave(self, name: str, inputs: tuple[int, ...], fields: dict[str, int]) -> int:
        """An exit, which must poll where it is not certain to go forward."""
        forward = "insn" in fields and fields["delta"] > fields["insn"]
        self.env.pc = inputs[0] if name == "goto_ptr" else self.pc + fields["delta"] & MASK64
        polls = not forward or self.polls_at == self.env.pc
        return self.polled if polls else LOOKUP

    @property
    def polled(self) -> int:
        """The status at a place where env.irq is looked at, as it is after each exception."""
        return INTERRUPT if self.env.irq else LOOKUP
