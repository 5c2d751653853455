"""The RISC-V helpers that are native routines: as compiled they do what they do as Python, in random states."""

from __future__ import annotations

import ctypes
from random import Random

import pytest

from pytcg.frontend.riscv.bits import PMP_ENTRIES
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.state import FIELDS, RiscvEnv
from pytcg.native import NativeFunction, intrinsics
from pytcg.native.compiler import compile_native
from tests.native.interpreter import check, run

RAM_START, PAGES = 0x8000_0000, 8
ROUTINES = [helper for helper in RiscvGuest.helpers if isinstance(helper, NativeFunction)]


class State:
    """A vCPU and a little RAM whose pages are page tables of random entries."""

    def __init__(self, seed: int) -> None:
        random = self.random = Random(seed)
        self.ram = ctypes.create_string_buffer(PAGES * 4096)
        self.code_map = (ctypes.c_uint8 * PAGES)(*(random.choice((0, 0, 1)) for _ in range(PAGES)))
        entries = (ctypes.c_uint64 * (PAGES * 512)).from_buffer(self.ram)
        for index in range(len(entries)):
            entries[index] = self.entry()
        self.env = env = RiscvEnv(RiscvGuest.layout)
        RiscvGuest().reset(env, 0)
        for field in FIELDS:
            if not field.name.startswith(("pmp", "status_mask", "walk")) and field.count == 1:
                setattr(env, field.name, self.word())
        for place in range(4):
            env.arg[place] = self.word()
        env.priv = random.choice((0, 1, 3))
        env.satp = random.choice((0, 8, 9, 10)) << 60 | (RAM_START >> 12) + random.randrange(PAGES)
        env.pmp_count = random.randrange(2)
        for place in range(PMP_ENTRIES // 8):
            env.pmpcfg[place] = random.getrandbits(64)
        env.arg[0] = random.choice((env.arg[0], RAM_START + random.randrange(PAGES << 12), random.getrandbits(32)))
        env.arg[1], env.arg[2] = random.randrange(3), random.randrange(4)
        env.flags = random.getrandbits(8)
        env.insn_pc, env.pc = self.word(), self.word()
        env.ram_start, env.ram_end = RAM_START, RAM_START + (PAGES << 12)
        env.ram_addend = ctypes.addressof(self.ram) - RAM_START
        env.code_map = ctypes.addressof(self.code_map)

    def word(self) -> int:
        random = self.random
        return random.choice((0, 1 << random.randrange(64), random.getrandbits(64), random.getrandbits(64), 2**64 - 1))

    def entry(self) -> int:
        """A page-table entry: mostly a pointer to a table or a leaf in RAM."""
        random = self.random
        page = (RAM_START >> 12) + random.randrange(PAGES)
        bits = random.choice((1, 1, 0xCF, 0xDF, random.getrandbits(8) | 1, random.getrandbits(10)))
        return (page << 10 | bits) if random.random() < 0.95 else random.getrandbits(64)

    def take(self) -> tuple[bytes, bytes]:
        return bytes(self.env.words), bytes(self.ram)

    def put(self, state: tuple[bytes, bytes]) -> None:
        self.env.words[:] = memoryview(state[0]).cast("Q")
        self.ram[:] = state[1]


@pytest.mark.parametrize("routine", ROUTINES, ids=lambda routine: routine.name)
def test_compiled_equals_python(routine: NativeFunction[[RiscvEnv], int]) -> None:
    intrinsics.use_counter(lambda: 0x123456789)
    ops, temps = compile_native(routine, RiscvGuest.layout)
    check(ops, temps)
    for seed in range(6):
        state = State(seed)
        before = state.take()
        expected = routine(state.env)
        after = state.take()
        state.put(before)
        assert run(ops, state.env, limit=200_000) == expected, seed
        assert state.take() == after, seed
