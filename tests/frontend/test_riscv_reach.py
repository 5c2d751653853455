"""How much of a superpage one TLB entry serves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytcg.frontend.riscv.bits import MODE_M, MODE_S, PMP_A_SHIFT, PMP_NAPOT, PMP_R, PMP_RWX, PMP_TOR, SATP_MODE_SHIFT
from pytcg.frontend.riscv.flush import flush_page
from pytcg.frontend.riscv.pmp import write_address, write_config
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import FETCH, READ, WRITE
from tests.frontend.privileged import LEAF, RAM, RAM_SIZE, Hart

PAGE, PAGES = 4096, RAM_SIZE >> 12
#: where the superpage is seen; RAM is the first half of it
BASE = 0x4000_0000


def served(hart: Hart, page: int, access: int) -> range:
    """The pages of the superpage that the entry for one of them serves after a miss."""
    assert hart.miss(BASE + page * PAGE, access, MODE_S) == Action.CONTINUE
    first, end = (physical - RAM >> 12 for physical in (hart.env.reach_first, hart.env.reach_end))
    for other in range(512):
        addend = hart.translation_through(BASE + page * PAGE, BASE + other * PAGE, access, MODE_S)
        assert (addend is not None) == (first <= other < end)
        if addend is not None:
            assert addend == (hart.ram.host - BASE) % 2**64
    return range(first, end)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, PAGES - 1),
    st.sets(st.integers(0, PAGES - 1), max_size=2),
    st.sets(st.integers(-20, 20), max_size=2),
)
def test_stores_reach_as_far_as_there_is_no_code(page: int, code: set[int], near: set[int]) -> None:
    code |= {page + n for n in near} & set(range(PAGES))
    hart = Hart()
    hart.map(BASE, RAM, LEAF, level=1)
    for n in code:
        hart.code_map[n] = 1
    assert served(hart, page, READ) == range(PAGES)
    if page in code:
        assert hart.miss(BASE + page * PAGE, WRITE, MODE_S) == Action.SLOW
        return
    pages = served(hart, page, WRITE)
    assert page in pages and not code & set(pages)
    # whole groups of 8 pages, up to one with code
    if len(pages) > 1:
        assert pages.start % 8 == pages.stop % 8 == 0
        assert pages.start == 0 or code & set(range(pages.start - 8, pages.start))
        assert pages.stop == PAGES or code & set(range(pages.stop, pages.stop + 8))
    else:
        assert code & set(range(page & -8, (page & -8) + 8))


@pytest.mark.parametrize("first", [0, 100, 240])
@pytest.mark.parametrize("access", [READ, WRITE])
def test_reach_stops_where_pmp_changes(access: int, first: int) -> None:
    """At 16 pages from the first of them on: before, behind, or at the start of the superpage."""
    hart = Hart()
    hart.map(BASE, RAM, LEAF, level=1)
    assert served(hart, 200, access) == range(PAGES)
    write_address(hart.env, 2, hart.env.pmpaddr[0])
    write_address(hart.env, 0, RAM + first * PAGE >> 2)
    write_address(hart.env, 1, RAM + (first + 16) * PAGE >> 2)
    every, only = PMP_NAPOT << PMP_A_SHIFT | PMP_RWX, PMP_TOR << PMP_A_SHIFT | PMP_R
    write_config(hart.env, 0, every << 16 | only << 8)
    assert served(hart, 200, access) == range(200, 201)


@pytest.mark.parametrize("access", [READ, WRITE])
def test_other_pages_of_a_superpage_take_no_walk(access: int) -> None:
    hart = Hart()
    entry = hart.map(BASE, RAM, LEAF, level=1)
    assert hart.miss(BASE + 200 * PAGE, access, MODE_S) == Action.CONTINUE
    hart.write(entry, 0)
    assert hart.miss(BASE + 7 * PAGE, access, MODE_S) == Action.CONTINUE
    assert hart.cached(BASE + 7 * PAGE, access, MODE_S) == (hart.ram.host - BASE) % 2**64
    assert hart.miss(BASE + PAGES * PAGE, access, MODE_S) == Action.JUMP
    flush_page(hart.env, BASE + 100 * PAGE)
    assert hart.miss(BASE + 7 * PAGE, access, MODE_S) == Action.JUMP


def test_fetches_go_by_page() -> None:
    hart = Hart()
    hart.map(BASE, RAM, LEAF, level=1)
    assert hart.miss(BASE + 5 * PAGE, FETCH, MODE_S) == Action.CONTINUE
    assert (hart.env.reach_first, hart.env.reach_end) == (RAM + 5 * PAGE, RAM + 6 * PAGE)


@pytest.mark.parametrize("mode", [MODE_S, MODE_M])
def test_without_translation_an_entry_serves_main_ram(mode: int) -> None:
    hart = Hart()
    assert hart.env.satp >> SATP_MODE_SHIFT == 0
    assert hart.miss(RAM + 7 * PAGE, READ, mode) == Action.CONTINUE
    addend = (hart.ram.host - RAM) % 2**64
    for address, expected in (
        (RAM, addend),
        (RAM + RAM_SIZE - 8, addend),
        (RAM - 1, None),
        (RAM + RAM_SIZE - 7, None),
    ):
        assert hart.translation_through(RAM + 7 * PAGE, address, READ, mode) == expected
