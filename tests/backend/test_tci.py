"""The interpreter op by op, and random blocks: as they are = optimised = allocated."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytcg.backend.base import Status
from pytcg.backend.tci.interpreter import TciBackend
from pytcg.backend.tci.source import WRITERS, BlockSource
from pytcg.tcg import soft
from pytcg.tcg.builder import Builder
from pytcg.tcg.eval import extend
from pytcg.tcg.helpers import Action
from pytcg.tcg.ops import FLOAT, OPS
from pytcg.tcg.passes.optimise import optimise
from pytcg.tcg.regalloc import allocate
from pytcg.tcg.state import CONST, ENV, Field, Layout, env_class
from pytcg.tcg.text import format_ops, parse_ops
from pytcg.tcg.types import MASK64, Cond, Rm, Type
from pytcg.tcg.verify import verify

LAYOUT = Layout([Field("own", 4)])
OWN = LAYOUT.offset["own"]
ENV_CLASS = env_class(LAYOUT)
PC = 0x8000_1000


class Memory:
    """Guest memory made up from addresses; remembers what was done, with the guest registers at that moment."""

    def __init__(self):
        self.words = {}
        self.events = []
        self.fault_at = -1

    def event(self, env, *what):
        self.events.append((*what, tuple(env.globals)))
        if len(self.events) - 1 != self.fault_at:
            return True
        env.pc = 0x666
        return False

    def load(self, env, address, mop, insn_pc):
        if not self.event(env, "load", address, mop, insn_pc):
            return None
        return extend(self.words.get(address, address * 0x9E3779B97F4A7C15), mop)

    def store(self, env, address, value, mop, insn_pc):
        if not self.event(env, "store", address, value, mop, insn_pc):
            return False
        self.words[address] = value
        return True

    def atomic(self, env, address, update, mop, insn_pc):
        if not self.event(env, "atomic", address, mop, insn_pc):
            return None
        old = extend(self.words.get(address, 0), mop | 4)
        self.words[address] = update(old)
        return old

    def probe(self, env, address, mop, access, insn_pc):
        return self.event(env, "probe", address, mop, access, insn_pc)


def scramble(env):
    """A helper that changes its result, a guest register and a field."""
    env.ret = env.arg[0] * 3 + env.arg[1]
    env.globals[3] = env.insn_pc
    env.own[1] = env.globals[4]
    return Action.CONTINUE


def jump(env):
    env.pc = 0x4000
    return Action.JUMP


def leave(env):
    env.pc = 0x5000
    return Action.EXIT


HELPERS = [scramble, jump, leave]


@pytest.fixture(scope="module")
def shared():
    memory = Memory()
    return memory, TciBackend(LAYOUT, memory, HELPERS, clock=lambda: 123), ENV_CLASS(LAYOUT)


def run(shared, ops, fault_at=-1, **registers):
    """Status, env and memory after a block, from registers g1.. with made-up values unless given."""
    memory, backend, env = shared
    memory.__init__()
    memory.fault_at = fault_at
    for n in range(64):
        env.globals[n] = n * 0x0123456789ABCDEF & MASK64
    env.own[:] = memoryview(bytes(32)).cast("Q")
    env.irq = env.pc = 0
    for name, value in registers.items():
        env.globals[int(name[1:])] = value
    status = backend.run_block(env, parse_ops(ops) if isinstance(ops, str) else ops, PC)
    return status, env, memory


def test_every_row_has_a_writer():
    for row, writer in zip(OPS, WRITERS, strict=True):
        if writer is BlockSource.pure:
            assert row.pure
        elif writer is BlockSource.floating:
            assert row.types is FLOAT
        else:
            assert writer.__name__ == "atomic" or writer.__name__ == row.name


def test_x0_and_constants(shared):
    text = "add.i64 g1, g0, #-1\n add.i32 g2, g2, g1\n pc_rel.i64 g3, #-8\n goto_tb delta=8, insn=4"
    status, env, _ = run(shared, text, g2=0)
    assert (status, env.pc) == (Status.LOOKUP, PC + 8)
    assert list(env.globals[1:4]) == [MASK64, MASK64, PC - 8]


def test_exits_poll(shared):
    _, _, env = shared
    blocks = {
        "goto_tb delta=8, insn=4": (PC + 8, False),
        "goto_tb delta=4, insn=4": (PC + 4, True),
        "goto_ptr g1": (0x77, True),
        "exit_tb delta=4": (PC + 4, True),
        "brcond_tb.i64 g1, #0x77, eq, delta=-4, insn=4\n goto_ptr g2": (PC - 4, True),
        "brcond_tb.i64 g1, #0x77, ne, delta=-4, insn=4\n goto_tb delta=8, insn=4": (PC + 8, False),
    }
    for text, (pc, polls) in blocks.items():
        status, env, _ = run(shared, text, g1=0x77)
        assert (status, env.pc) == (Status.LOOKUP, pc)
        _, backend, _ = shared
        env.irq = 1
        status = backend.run_block(env, parse_ops(text), PC)
        assert (status, env.pc) == (Status.INTERRUPT if polls else Status.LOOKUP, pc)


def test_poll_of_a_field(shared):
    text = f"st.i64 g1, env, off={OWN}, mop=u64\n poll mask_off={OWN}, delta=12\n goto_tb delta=16, insn=8"
    assert run(shared, text, g1=0)[1].pc == PC + 16
    assert run(shared, text, g1=1)[1].pc == PC + 12


def test_guest_memory(shared):
    text = """
        guest_st.i64 g1, g2, off=4, mop=u16, insn=2
        guest_ld.i64 g3, g2, off=4, mop=s16, insn=4
        guest_probe.i64 g2, off=1, mop=u8, access=1, insn=6
        atomic_add.i64 g4, g2, g1, mop=s32, insn=8
        atomic_cmpxchg.i64 g5, g2, g1, g2, mop=u64, insn=10
        goto_ptr g5
    """
    _, env, memory = run(shared, text, g1=0x8001, g2=0x100)
    assert env.globals[3] == extend(0x8001, 5)
    assert [event[:-1] for event in memory.events] == [
        ("store", 0x104, 0x8001, 1, PC + 2),
        ("load", 0x104, 5, PC + 4),
        ("probe", 0x101, 0, 1, PC + 6),
        ("atomic", 0x100, 6, PC + 8),
        ("atomic", 0x100, 3, PC + 10),
    ]
    assert (env.globals[4], env.globals[5], memory.words[0x100]) == (0, 0x8001, 0x100)
    for fault_at in range(5):
        status, env, memory = run(shared, text, fault_at=fault_at, g1=0x8001, g2=0x100)
        assert (status, env.pc, len(memory.events)) == (Status.LOOKUP, 0x666, fault_at + 1)


def test_calls(shared):
    status, env, _ = run(shared, "call g1, g2, g5, _, helper=0, insn=6\n goto_ptr g1", g2=5, g5=7)
    assert (status, env.pc, env.globals[3]) == (Status.LOOKUP, 22, PC + 6)
    status, env, _ = run(shared, "call _, _, _, _, helper=1, insn=6\n goto_ptr g1")
    assert (status, env.pc) == (Status.LOOKUP, 0x4000)
    status, env, _ = run(shared, "call _, _, _, _, helper=2, insn=6\n goto_ptr g1")
    assert (status, env.pc) == (Status.INTERRUPT, 0x5000)


def test_host_memory(shared):
    buffer = (ctypes.c_uint64 * 2)(5, 0xFFFF_FFFF_8000_0000)
    text = """
        host_cmpxchg.i64 t0, g1, g2, g3
        host_cmpxchg.i64 t1, g1, g2, g4
        ld.i64 t2, g1, off=8, mop=s32
        st.i64 g3, g1, off=10, mop=u8
        clock.i64 t3
        add.i64 t0, t0, t1
        add.i64 t0, t0, t2
        add.i64 t0, t0, t3
        mb
        ret t0
    """
    result, _, _ = run(shared, text, g1=ctypes.addressof(buffer), g2=5, g3=9, g4=11)
    assert result == (5 + 9 + 123 + 0xFFFF_FFFF_8000_0000) & MASK64
    assert list(buffer) == [9, 0xFFFF_FFFF_8009_0000]


def test_cpu_state_access_of_every_size(shared):
    _, _, env = shared
    text = f"st.i64 g1, env, off={OWN + 4}, mop=u32\n ld.i64 g2, env, off={OWN}, mop=u64\n"
    text += f"ld.i64 g3, env, off={OWN + 5}, mop=s8\n goto_ptr g2"
    assert run(shared, text, g1=0x1234_8800)[1].pc == 0x1234_8800_0000_0000
    assert env.globals[3] == extend(0x88, 4)


def test_loops(shared):
    text = """
        movi.i64 t0, #10
        movi.i64 t1, #0
        L1:
        brcond.i64 t0, #5, eq, L2
        add.i64 t1, t1, t0
        L2:
        sub.i64 t0, t0, #1
        brcond.i64 t0, #0, ne, L1
        br L3
        L4:
        goto_ptr t1
        L3:
        brcond.i64 t1, #50, eq, L4
        ret g0
    """
    status, env, _ = run(shared, text)
    assert (status, env.pc) == (Status.LOOKUP, 50)


def test_floating_point_rounding_and_flags(shared, monkeypatch):
    calls = []

    def evaluate(op_code, inputs, extra):
        calls.append((OPS[op_code >> 3].name, op_code & 7, inputs, extra))
        return sum(inputs), 1 << len(calls)

    monkeypatch.setattr(soft, "evaluate", evaluate)
    _, _, env = shared
    text = """
        fma.f32 g33, g1, g2, g4, neg=3, rm=dyn
        fcvt_to_int.f64 g6, g1, itype=2, rm=rup
        fcmp.f64 g7, g1, g2, le
        goto_ptr g6
    """
    for rc, mode in enumerate((Rm.RNE, Rm.RDN, Rm.RUP, Rm.RTZ)):
        calls.clear()
        env.mxcsr = 0x1F80 | rc << 13
        env.fflags = 0
        run(shared, text, g1=1, g2=2, g4=4)
        assert calls == [
            ("fma", Type.F32, (1, 2, 4), (3, mode)),
            ("fcvt_to_int", Type.F64, (1,), (2, Rm.RUP)),
            ("fcmp", Type.F64, (1, 2), (Cond.LE,)),
        ]
        assert (env.globals[33], env.globals[6], env.globals[7], env.fflags) == (7, 1, 3, 2 | 4 | 8)


def test_software_floating_point(shared):
    _, _, env = shared
    env.fflags = 0
    text = "fmv_from_int.f64 g33, g1\n fdiv.f64 g34, g33, g33, rm=rne\n fdiv.f64 g35, g33, g0, rm=rne\n goto_ptr g34"
    _, env, _ = run(shared, text, g1=0x4008_0000_0000_0000)
    assert (env.pc, env.globals[35], env.fflags) == (0x3FF0_0000_0000_0000, 0x7FF0_0000_0000_0000, 8)


def test_blocks_with_equal_ops_share_a_function(shared):
    _, backend, _ = shared
    assert backend.compile(parse_ops("goto_ptr g1")) is backend.compile(parse_ops("goto_ptr g1"))


BINARY = [row for row in OPS if row.pure and row.imm and "b" in row.fields and "cond" not in row.fields]
SMALL = st.sampled_from([0, 1, 2, -1, -2, 5, 63, 0x7FFFF000, -(1 << 31), 1 << 63])


class RandomBlock:
    """Writes a random well-formed block with temporaries, branches and loops, drawing from hypothesis."""

    def __init__(self, draw):
        self.draw = draw
        self.b = Builder()
        self.temps = [self.b.temp() for _ in range(3)]
        self.defined = set()
        self.insn = 0

    def pick(self, *choices):
        return self.draw(st.sampled_from(choices))

    def value(self):
        return self.pick(*range(6), *self.defined, *self.defined)

    def target(self):
        target = self.pick(*range(1, 6), *self.temps, *[None] * 4)
        if target is None:
            target = self.b.temp()
        if target >= 128:
            self.defined.add(target)
        return target

    def constant_or_value(self):
        if self.draw(st.booleans()):
            return CONST, self.draw(SMALL)
        return self.value(), 0

    def op(self):
        kind = self.pick(
            "binary", "binary", "binary", "movi", "mov", "pc_rel", "add", "setcond", "movcond", "unary", "ld", "st",
            "guest", "guest", "atomic", "call", "exit", "branch", "loop", "deposit",
        )  # fmt: skip
        getattr(self, kind)()
        self.insn += 2

    def binary(self):
        row = self.pick(*BINARY)
        a, (b, imm) = self.value(), self.constant_or_value()
        self.b.emit(row.name, self.pick(*row.types), self.target(), a, b, imm)

    def add(self):
        a = self.value()
        self.b.binary_const("add", self.target(), a, self.draw(SMALL))

    def movi(self):
        self.b.emit("movi", Type.I64, self.target(), self.draw(SMALL))

    def pc_rel(self):
        self.b.emit("pc_rel", Type.I64, self.target(), self.pick(-8192, 16, 5000, -6))

    def mov(self):
        a = self.value()
        self.b.emit("mov", Type.I64, self.target(), a)

    def unary(self):
        a = self.value()
        self.b.emit(self.pick("neg", "not", "ctz", "bswap"), self.pick(Type.I32, Type.U32, Type.I64), self.target(), a)

    def deposit(self):
        a, b = self.value(), self.value()
        self.b.emit("deposit", Type.I64, self.target(), a, b, self.pick(0, 8), self.pick(1, 32))

    def setcond(self):
        a, (b, imm) = self.value(), self.constant_or_value()
        self.b.emit("setcond", self.pick(Type.I32, Type.I64), self.target(), a, b, imm, self.pick(*Cond))

    def movcond(self):
        a, (b, imm), c, e = self.value(), self.constant_or_value(), self.value(), self.value()
        self.b.emit("movcond", self.pick(Type.I32, Type.I64), self.target(), a, b, imm, self.pick(*Cond), c, e)

    def ld(self):
        self.b.emit("ld", Type.I64, self.target(), ENV, OWN + self.pick(0, 8), self.pick(3, 3, 3, 2))

    def st(self):
        self.b.emit("st", Type.I64, self.value(), ENV, OWN + self.pick(0, 8, 4), self.pick(3, 3, 2) if self.insn else 2)

    def guest(self):
        base, off, mop = self.value(), self.draw(SMALL.filter(lambda v: -(1 << 31) <= v < 1 << 31)), self.pick(2, 3, 7)
        if self.draw(st.booleans()):
            self.b.emit("guest_st", Type.I64, self.value(), base, off, mop, self.insn)
        else:
            self.b.emit("guest_ld", Type.I64, self.target(), base, off, mop, self.insn)

    def atomic(self):
        a, b = self.value(), self.value()
        self.b.emit(self.pick("atomic_add", "atomic_umin"), Type.I64, self.target(), a, b, self.pick(2, 3), self.insn)

    def call(self):
        a, b = self.value(), self.value()
        self.b.emit("call", Type.NONE, self.target(), a, b, CONST, 0, self.insn)

    def exit(self):
        a, (b, imm) = self.value(), self.constant_or_value()
        self.b.emit("brcond_tb", Type.I64, a, b, imm, self.pick(*Cond), self.pick(-4, 128), self.insn)

    def branch(self):
        a, (b, imm), label, before = self.value(), self.constant_or_value(), self.b.label(), set(self.defined)
        self.b.emit("brcond", self.pick(Type.I32, Type.I64), a, b, imm, self.pick(*Cond), label)
        self.some(2)
        self.b.place(label)
        self.defined &= before

    def loop(self):
        counter, label = self.b.temp(), self.b.label()
        self.b.emit("movi", Type.I64, counter, 3)
        self.b.place(label)
        self.some(3)
        self.b.binary_const("sub", counter, counter, 1)
        self.b.emit("brcond", Type.I64, counter, CONST, 0, Cond.NE, label)

    def some(self, most):
        for _ in range(self.draw(st.integers(1, most))):
            if len(self.b.ops) < 40:
                self.op()

    def finish(self):
        self.some(12)
        if self.draw(st.booleans()):
            self.b.emit("goto_tb", Type.NONE, 64, self.insn)
        else:
            self.b.emit("goto_ptr", Type.NONE, self.value())
        return self.b.ops, self.b.temps


@st.composite
def blocks(draw):
    return RandomBlock(draw).finish()


def outcome(shared, ops, fault_at):
    status, env, memory = run(shared, ops, fault_at)
    return status, env.pc, tuple(env.globals), tuple(env.own), memory.events, memory.words


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(blocks(), st.integers(0, 4), st.integers(-1, 3))
def test_optimised_and_allocated_blocks_do_the_same(shared, block, registers, fault_at):
    ops, temps = block
    verify(ops, temps)
    expected = outcome(shared, ops, fault_at)
    optimised = optimise(ops)
    verify(optimised, temps)
    assert len(optimised) <= len(ops)
    assert outcome(shared, optimised, fault_at) == expected, format_ops(optimised)
    pool = tuple(range(64, 64 + registers))
    for before in (ops, optimised):
        allocated = allocate(before, temps, pool)
        verify(allocated, 0, allocated=True)
        assert outcome(shared, allocated, fault_at) == expected, format_ops(allocated)
