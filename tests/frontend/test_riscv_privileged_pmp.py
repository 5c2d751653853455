"""Physical memory protection: matching, priority, locks, and pages that an entry covers in part."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytcg.frontend.riscv.bits import (
    CAUSE_LOAD_ACCESS,
    CAUSE_STORE_ACCESS,
    MENVCFG_ADUE,
    MODE_M,
    MODE_S,
    MODE_U,
    PMP_A_SHIFT,
    PMP_ENTRIES,
    PMP_L,
    PMP_NA4,
    PMP_NAPOT,
    PMP_R,
    PMP_RWX,
    PMP_TOR,
    PMP_W,
    PMP_X,
    PTE_A,
)
from pytcg.frontend.riscv.mmu import probe
from pytcg.frontend.riscv.pmp import PMP_ADDRESS, PMP_PARTIAL, pmp_check, write_address, write_config
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import FETCH, ONE_INSN, READ, WRITE
from tests.frontend.privileged import LEAF, RAM, ROOT, Hart

TOR, NA4, NAPOT = (kind << PMP_A_SHIFT for kind in (PMP_TOR, PMP_NA4, PMP_NAPOT))


def protected(*entries: tuple[int, int]) -> Hart:
    """A hart with the entries (config, pmpaddr) from 0 on."""
    hart = Hart()
    write_config(hart.env, 0, 0)
    for number, (_, address) in enumerate(entries):
        write_address(hart.env, number, address)
    for word in range(PMP_ENTRIES // 8):
        configs = [config for config, _ in entries[8 * word : 8 * word + 8]]
        write_config(hart.env, word, sum(config << 8 * n for n, config in enumerate(configs)))
    return hart


def napot(start: int, size: int) -> int:
    return start >> 2 | (size >> 3) - 1


def test_an_access_shifts_the_answer_of_the_check() -> None:
    assert (PMP_R, PMP_W, PMP_X) == (1 << READ, 1 << WRITE, 1 << FETCH)


def test_without_entries_only_machine_mode_may() -> None:
    env = protected().env
    assert pmp_check(env, RAM, 8, MODE_M) == PMP_RWX
    assert pmp_check(env, RAM, 8, MODE_S) == 0
    assert pmp_check(env, RAM, 8, MODE_U) == 0


def test_four_bytes() -> None:
    env = protected((NA4 | PMP_R, RAM >> 2)).env
    assert pmp_check(env, RAM, 4, MODE_S) == PMP_R
    assert pmp_check(env, RAM + 4, 4, MODE_S) == 0
    assert pmp_check(env, RAM, 8, MODE_S) == PMP_PARTIAL


def test_top_of_range_starts_where_the_entry_before_ends() -> None:
    env = protected((0, RAM >> 2), (TOR | PMP_RWX, RAM + 0x1000 >> 2), (TOR | PMP_X, RAM + 0x1000 >> 2)).env
    assert pmp_check(env, RAM, 0x1000, MODE_U) == PMP_RWX
    assert pmp_check(env, RAM - 4, 4, MODE_U) == 0
    assert pmp_check(env, RAM + 0x1000, 4, MODE_U) == 0
    env = protected((TOR | PMP_R, RAM >> 2)).env
    assert pmp_check(env, 0, 4, MODE_S) == PMP_R
    assert pmp_check(env, RAM - 4, 4, MODE_S) == PMP_R
    write_address(env, PMP_ENTRIES - 1, RAM >> 3)
    assert pmp_check(env, 0, 4, MODE_S) == PMP_R, "the first begins at 0"


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 55), st.integers(0, 2**56 - 1))
def test_powers_of_two(log2: int, address: int) -> None:
    size = 1 << log2
    start = address & -size
    env = protected((NAPOT | PMP_R | PMP_W, napot(start, size))).env
    assert (env.pmp_start[0], env.pmp_last[0]) == (start, start + size - 1)
    assert pmp_check(env, start + size - 4, 4, MODE_S) == PMP_R | PMP_W
    assert pmp_check(env, start, size, MODE_S) == PMP_R | PMP_W


def test_the_first_match_decides() -> None:
    env = protected((NAPOT, napot(RAM, 0x10000)), (NAPOT | PMP_RWX, PMP_ADDRESS)).env
    assert pmp_check(env, RAM + 0x8000, 4096, MODE_S) == 0
    assert pmp_check(env, RAM + 0x10000, 4096, MODE_S) == PMP_RWX
    assert pmp_check(env, RAM + 0x8000, 4096, MODE_M) == PMP_RWX
    assert (env.pmp_open_start, env.pmp_open_last) == (RAM + 0x10000, (1 << 56) - 1)


def test_locked_entries_bind_machine_mode_and_stay() -> None:
    hart = protected((NAPOT | PMP_L | PMP_R, napot(RAM, 0x1000)), (NAPOT | PMP_RWX, PMP_ADDRESS))
    env = hart.env
    assert pmp_check(env, RAM, 4, MODE_M) == PMP_R
    assert pmp_check(env, RAM + 0x1000, 4, MODE_M) == PMP_RWX
    write_config(env, 0, 0)
    write_address(env, 0, 0)
    assert env.pmpcfg[0] == NAPOT | PMP_L | PMP_R
    assert env.pmpaddr[0] == napot(RAM, 0x1000)
    assert hart.miss(RAM, WRITE, MODE_M) == Action.JUMP
    assert hart.trap()[3:] == (CAUSE_STORE_ACCESS, RAM)


def test_a_locked_range_locks_its_start() -> None:
    env = protected((0, RAM >> 2), (TOR | PMP_L | PMP_R, RAM + 0x1000 >> 2)).env
    write_address(env, 0, 0)
    assert env.pmpaddr[0] == RAM >> 2
    env = protected((NAPOT, RAM >> 2), (NAPOT | PMP_L | PMP_R, napot(RAM, 0x1000))).env
    write_address(env, 0, 0)
    assert env.pmpaddr[0] == 0, "one of another kind does not"


@pytest.mark.parametrize(("start", "end", "fine"), [(0, 0x1000, 0), (0, 0x1004, 1), (4, 0x1000, 1)])
def test_ranges_that_start_or_end_within_a_page_are_known(start: int, end: int, fine: int) -> None:
    env = protected((0, RAM + start >> 2), (TOR | PMP_R, RAM + end >> 2), (NAPOT | PMP_RWX, PMP_ADDRESS)).env
    assert env.pmp_fine == fine
    assert bool(env.flags & ONE_INSN) == bool(fine)


def test_ranges_beside_each_other_that_allow_all_are_one() -> None:
    env = protected((TOR | PMP_RWX, RAM + 0x1000 >> 2), (TOR | PMP_RWX, RAM + 0x8000 >> 2)).env
    assert (env.pmp_open_start, env.pmp_open_last) == (0, RAM + 0x7FFF)


@pytest.mark.parametrize("word", [0, 1])
def test_config_keeps_what_is_defined(word: int) -> None:
    env = protected().env
    write_config(env, word, 0x6200 | 0x1F)
    assert env.pmpcfg[word] == 0x1F
    write_config(env, word, PMP_W | PMP_X)
    assert env.pmpcfg[word] == PMP_X


def test_a_page_with_more_than_one_answer_is_not_cached() -> None:
    hart = protected((NA4, RAM + 0x80010 >> 2), (NAPOT | PMP_RWX, PMP_ADDRESS))
    assert hart.miss(RAM + 0x80000, READ, MODE_S) == Action.SLOW
    assert probe(hart.env, RAM + 0x80000, READ, MODE_S, 8) == Action.CONTINUE
    assert probe(hart.env, RAM + 0x8000C, READ, MODE_S, 4) == Action.CONTINUE
    assert probe(hart.env, RAM + 0x8000C, READ, MODE_S, 8) == Action.JUMP
    assert hart.trap()[3:] == (CAUSE_LOAD_ACCESS, RAM + 0x8000C)


def test_page_tables_are_protected_too() -> None:
    hart = protected((NAPOT, napot(ROOT, 0x1000)), (NAPOT | PMP_RWX, PMP_ADDRESS))
    hart.map(0x5000, RAM)
    assert hart.miss(0x5000, READ, MODE_S) == Action.JUMP
    assert hart.trap()[3:] == (CAUSE_LOAD_ACCESS, 0x5000)


def test_accessed_is_not_set_in_a_table_that_may_only_be_read() -> None:
    hart = protected((NAPOT | PMP_R, napot(ROOT, 0x8000)), (NAPOT | PMP_RWX, PMP_ADDRESS))
    hart.env.menvcfg = MENVCFG_ADUE
    place = hart.map(0x5000, RAM, LEAF & ~PTE_A)
    assert hart.miss(0x5000, READ, MODE_S) == Action.JUMP
    assert hart.trap()[3] == CAUSE_LOAD_ACCESS
    assert not hart.read(place) & PTE_A


def test_a_change_flushes_all_modes() -> None:
    hart = Hart()
    for mode in (MODE_S, MODE_M):
        assert hart.miss(RAM, READ, mode) == Action.CONTINUE
    write_address(hart.env, 1, 5)
    assert [hart.cached(RAM, READ, mode) for mode in (MODE_S, MODE_M)] == [None, None]


@pytest.mark.parametrize("edge, parted", [(RAM + 0x1004, 1), (RAM + 0x1000, 0), (RAM - 0x1004, 0), (2**56 - 4, 0)])
def test_only_a_page_that_holds_something_is_parted(edge: int, parted: int) -> None:
    """Such a page makes blocks of one instruction; all ones in the first entry, as small kernels write, does not."""
    assert protected((TOR | PMP_RWX, edge >> 2)).env.pmp_fine == parted
