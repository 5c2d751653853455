"""The native routines over the block table do the same compiled and as Python."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytcg.exec.blocks.placing import origin_slot
from pytcg.exec.blocks.table import BLOCKS, INSNS, KILLED, TEMPLATES, USED
from pytcg.frontend.riscv.flush import flush_jump_cache
from pytcg.native import NativeFunction
from pytcg.native.intrinsics import st64
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.state import EMPTY, JUMP_CACHE_ENTRIES, WORD
from tests.exec.board import DATA, PAGE, PROGRAM, RAM, RAM_SIZE, Board, M, S
from tests.exec.riscv import addi, code, jal

BLOCK = code(addi(10, 10, 1), jal(0, 16))
PLACES = [PROGRAM + n * 64 for n in range(8)]
#: over the end of a page
CROSSING = DATA + PAGE - 2


class Runner(Board):
    """A board whose helpers are called compiled, or as Python over the same memory."""

    def __init__(self, compiled: bool) -> None:
        super().__init__()
        self.compiled = compiled
        for place in PLACES:
            self.write(place, BLOCK)
        self.write(CROSSING, BLOCK)

    def call(self, number: Helper) -> int:
        """Call a helper for the vCPU's state: its Action."""
        helper = self.engine.helpers[number]
        assert isinstance(helper, NativeFunction)
        if self.compiled:
            return Action(self.cpu.host.runtime.call(self.env.address, number))
        return Action(helper(self.env))

    def place(self, pc: int) -> int:
        """Translate what lies at `pc` and place it by the helper, as the code cache does; an offset in code memory."""
        env = self.env
        env.pc = pc
        page = pc - RAM & -PAGE
        buffer = self.ram.buffer
        half = int.from_bytes(buffer[page + PAGE : page + PAGE + 2], "little") if pc == CROSSING else -1
        block = self.engine.translator.find(buffer[page : page + PAGE], pc % PAGE, env.flags & 0xFFF, half)
        assert block is not None
        env.arg[0], env.arg[1], env.arg[2] = block.code, pc, DATA + PAGE if pc == CROSSING else 0
        assert self.call(Helper.PLACE) == Action.CONTINUE
        return self.relative(env.ret)

    def invalidate(self, physical: int, size: int, changed: bool = False) -> int:
        """Kill blocks; how many there were."""
        env = self.env
        env.arg[0], env.arg[1], env.arg[2], env.arg[3] = physical, size, changed, self.cpu.host.dead
        assert self.call(Helper.INVALIDATE) == Action.CONTINUE
        return int(self.env.ret)

    def lookup(self, pc: int) -> tuple[int, int]:
        """Action, and where the block is."""
        self.env.pc = pc
        action = self.call(Helper.LOOKUP)
        return action, self.relative(self.env.ret) if action == Action.CONTINUE else 0

    def relative(self, host: int) -> int:
        """The place of a block as an offset in code memory, the same for both."""
        return host and host - self.cpu.host.buffer.base

    def found(self) -> list[int]:
        """Where Python finds the blocks that may have been placed."""
        flags = self.env.flags & 0xFFF
        found = [self.code.find(place, place, flags, 0) for place in PLACES]
        return [self.relative(host) for host in [*found, self.code.find(CROSSING, CROSSING, flags, DATA + PAGE)]]


@pytest.fixture(scope="module")
def pair() -> tuple[Runner, Runner]:
    return Runner(True), Runner(False)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.sampled_from([*PLACES, CROSSING])),
        st.tuples(st.just("lookup"), st.sampled_from([*PLACES, CROSSING, PROGRAM + 4, RAM + RAM_SIZE, 0])),
        st.tuples(
            st.just("invalidate"),
            st.one_of(
                st.integers(PROGRAM, PROGRAM + 600), st.integers(CROSSING - 8, CROSSING + 8).filter(lambda a: a % 8)
            ),
        ),
    ),
    max_size=30,
)


@settings(max_examples=40)
@given(ACTIONS)
def test_compiled_equals_python(pair: tuple[Runner, Runner], actions: list[tuple[str, int]]) -> None:
    for board in pair:
        board.processors.flush()
        board.env.priv = 3
    for name, address in actions:
        arguments = (address, min(4, PAGE - address % PAGE)) if name == "invalidate" else (address,)
        results = [getattr(board, name)(*arguments) for board in pair]
        assert results[0] == results[1], (name, address)
    compiled, python = pair
    assert compiled.found() == python.found()
    assert list(compiled.env.jump_cache)[::2] == list(python.env.jump_cache)[::2]
    for counter in (USED, BLOCKS, INSNS, KILLED, TEMPLATES):
        assert compiled.code.table.counter(counter) == python.code.table.counter(counter)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_copy_is_placed_for_another_address(compiled: bool) -> None:
    """A page mapped twice: the block of the one address is placed again by LOOKUP itself for the other."""
    board = Runner(compiled)
    for virtual in (0x1000, 0x2000):
        board.map(virtual, PROGRAM)
    board.enter(S)
    first = board.host(0x1000)
    assert first
    action, place = board.lookup(0x2000)
    assert action == Action.CONTINUE
    assert place not in (0, board.relative(first))
    assert board.code.find(0x2000, PROGRAM, board.env.flags & 0xFFF, 0)
    assert board.distinct[0] == 1
    board.write(PROGRAM, b"\0")
    assert [board.lookup(virtual)[0] for virtual in (0x1000, 0x2000)] == [Action.SLOW, Action.SLOW]


@pytest.mark.parametrize("compiled", [True, False])
def test_an_origin_is_of_one_address_and_one_value_of_the_flags(compiled: bool) -> None:
    """Others may be looked for at the same place."""
    board = Runner(compiled)
    board.enter(S)
    board.place(PLACES[0])
    env, entry = board.env, board.code.table.entries.address
    for place, privilege in ((PLACES[1], S), (PLACES[0], M)):
        board.enter(privilege)
        st64(origin_slot(env, place, env.flags & 0xFFF), entry)
        assert board.lookup(place)[0] == Action.SLOW


def cached(board: Board, pc: int) -> tuple[int, int]:
    """The entry of the jump cache that machine code looks at for a pc (`emit/control.py`)."""
    env = board.env
    at = (env.layout.jump_cache(env.flags & 3) + (pc << 3 & 16 * (JUMP_CACHE_ENTRIES - 1))) // WORD + env.index
    return env.words[at], env.words[at + 1]


def test_blocks_that_were_placed_are_found(pair: tuple[Runner, Runner]) -> None:
    for board in pair:
        board.processors.flush()
        for place in (PLACES[0], CROSSING):
            assert board.lookup(place)[0] == Action.SLOW
            where = board.place(place)
            assert board.lookup(place) == (Action.CONTINUE, where)
            assert cached(board, place) == (place, board.env.ret)
        mode = board.env.flags & 3
        board.env.jump_cache_flags[mode] ^= 1
        flush_jump_cache(board.env, mode)
        board.lookup(place)
        assert cached(board, place) == (EMPTY, EMPTY), "it is of other flags"
        board.env.jump_cache_flags[mode] ^= 1
        assert board.invalidate(CROSSING + 4, 1) == 0, "its instruction has ended"
        assert board.invalidate(CROSSING + 2, 1) == 1
        assert board.lookup(CROSSING)[0] == Action.SLOW
        assert board.lookup(PLACES[0])[0] == Action.CONTINUE
