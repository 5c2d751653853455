"""Address spaces: whatever is cached under the current ASID is what its page tables say, after any fences."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytcg.frontend.riscv.bits import MODE_S, MODE_SUM, MODE_U, PTE_G, SATP_ASID_SHIFT
from pytcg.frontend.riscv.fences import RS1, RS2, helper_sfence_vma, helper_write_satp
from pytcg.frontend.riscv.flush import flush_page, flush_translations
from pytcg.frontend.riscv.tlb import LOCAL_ENTRIES
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, FETCH, JUMP_CACHE_ENTRIES, NUM_MMU_MODES, READ, WORD, WRITE
from tests.frontend.privileged import LEAF, RAM, ROOT, USER, Hart

ASIDS = (0, 1, 0xFFFF)
#: a page of the kernel, which all address spaces share, in the upper half, and pages of each
GLOBAL, LOCAL = 0xFFFFFFC000005000, (0x5000, 0x6000, 0x105000)
#: pages of a superpage that each address space has or has not
SUPERPAGE = 0x4000_0000
LARGE = (SUPERPAGE, SUPERPAGE + 0x45000)
SV39, PAGE = 8 << 60, 4096
FRAMES = RAM + 0x40000
PAGES = (*LOCAL, *LARGE, GLOBAL)


class Spaces(Hart):
    """A hart with an address space for each ASID, in which the pages lie in frames that may be exchanged.

    A superpage comes and goes.
    """

    def __init__(self) -> None:
        super().__init__()
        #: (ASID, page) -> frame; the global page has the ASID -1
        self.frames: dict[tuple[int, int], int] = {}
        #: the spaces that have the superpage
        self.large: set[int] = set()
        self.asid = 0
        for page in LOCAL:
            for asid in ASIDS:
                self.remap(asid, page)
        self.remap(0, SUPERPAGE)
        self.remap(-1, GLOBAL)
        self.switch(0)

    def root(self, asid: int) -> int:
        return ROOT + ASIDS.index(asid) * 0x8000

    def remap(self, asid: int, page: int) -> None:
        """Give a page another frame, without a fence."""
        if page >= SUPERPAGE and page != GLOBAL:
            self.large ^= {asid}
            table = self.root(asid) + 6 * PAGE
            self.write(self.root(asid) + (SUPERPAGE >> 30) * 8, table >> 2 | 1)
            self.write(table, RAM >> 2 | USER if asid in self.large else 0)
            return
        frame = self.frames.get((asid, page), FRAMES + len(self.frames) * 2 * PAGE) ^ PAGE
        self.frames[asid, page] = frame
        bits = LEAF | PTE_G if page == GLOBAL else USER
        for space in ASIDS if asid < 0 else (asid,):
            table = self.root(space)
            for level in (2, 1, 0):
                place = table + (page >> 12 + 9 * level & 511) * 8
                if level:
                    table += PAGE << (2 if level == 2 and page == GLOBAL else 0)
                    self.write(place, table >> 2 | 1)
                else:
                    self.write(place, frame >> 2 | bits)

    def switch(self, asid: int) -> None:
        self.asid = asid
        self.env.arg[0] = SV39 | asid << SATP_ASID_SHIFT | self.root(asid) >> 12
        assert helper_write_satp(self.env) == Action.JUMP

    def fence(self, address: int | None = None, asid: int | None = None) -> None:
        self.env.arg[0], self.env.arg[1] = address or 0, asid or 0
        self.env.arg[2] = (0 if address is None else RS1) | (0 if asid is None else RS2)
        assert helper_sfence_vma(self.env) == Action.CONTINUE

    def slot(self, page: int, access: int, mode: int) -> int:
        """Index of the slot of the register that holds the address of a page."""
        return self.env.index + self.env.layout.slot(mode, access, PAGES.index(page)) // WORD

    def touch(self, page: int, access: int, mode: int) -> None:
        """A miss; then machine code copies the entry to a slot."""
        if self.miss(page, access, mode) == Action.CONTINUE and access != FETCH:
            entry, slot = self.env.tlb_entry(mode, access, page), self.slot(page, access, mode)
            self.env.words[slot : slot + 3] = self.env.words[entry : entry + 3]

    def in_slot(self, page: int, access: int, mode: int) -> int | None:
        """The addend for a page in its slot."""
        first, limit, addend = self.env.words[self.slot(page, access, mode) :][:3]
        return addend if (page - first) % 2**64 < limit else None

    def frame(self, page: int) -> int | None:
        """Where the current page tables have a page."""
        if page in LARGE:
            return RAM + page - SUPERPAGE if self.asid in self.large else None
        return self.frames[-1 if page == GLOBAL else self.asid, page]

    def check(self) -> None:
        """Nothing is cached that the current page tables do not say."""
        for page in PAGES:
            frame = self.frame(page)
            for mode in (MODE_U, MODE_S, MODE_SUM):
                for access in (READ, WRITE, FETCH):
                    base = 0 if access == FETCH else self.ram.host - RAM
                    said = (None,) if frame is None else (None, (base + frame - page) % 2**64)
                    assert self.cached(page, access, mode) in said
                    assert access == FETCH or self.in_slot(page, access, mode) in said


touches = st.tuples(
    st.just("touch"),
    st.sampled_from(PAGES),
    st.sampled_from((READ, WRITE, FETCH)),
    st.sampled_from((MODE_U, MODE_S, MODE_SUM)),
)
switches = st.tuples(st.just("switch"), st.sampled_from(ASIDS))
#: which page of which space gets another frame, and whether the fence after it names the page and the space
remaps = st.tuples(
    st.just("remap"), st.sampled_from(ASIDS), st.sampled_from(PAGES), st.booleans(), st.booleans()
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(touches, touches, switches, remaps), max_size=30))
def test_nothing_stale_is_seen(steps: list[tuple[object, ...]]) -> None:
    spaces = Spaces()
    for what, *arguments in steps:
        match what, *arguments:
            case "touch", int(page), int(access), int(mode):
                spaces.touch(page, access, mode)
            case "switch", int(asid):
                spaces.switch(asid)
            case "remap", int(asid), int(page), bool(by_page), bool(by_asid):
                is_global = page == GLOBAL
                spaces.remap(-1 if is_global else asid, page)
                spaces.fence(page + 0x123 if by_page else None, asid if by_asid and not is_global else None)
        spaces.check()


def test_all_pages_of_a_superpage_go_with_their_address_space() -> None:
    """Those too that were found in the TLB of superpages."""
    spaces = Spaces()
    for page in LARGE:
        spaces.touch(page, READ, MODE_U)
    assert all(spaces.cached(page, READ, MODE_U) is not None for page in LARGE)
    spaces.switch(1)
    spaces.check()


def jump_caches(hart: Hart) -> list[bool]:
    """By MMU mode, whether the jump cache still holds what `fill_jump_caches` has put there."""
    first = hart.env.index + hart.env.layout.offset["jump_cache"] // WORD
    return [hart.env.words[first + mode * JUMP_CACHE_ENTRIES * 2] != EMPTY for mode in range(NUM_MMU_MODES)]


def fill_jump_caches(hart: Hart) -> None:
    first = hart.env.index + hart.env.layout.offset["jump_cache"] // WORD
    for mode in range(NUM_MMU_MODES):
        hart.env.words[first + mode * JUMP_CACHE_ENTRIES * 2] = 0x5000


@pytest.mark.parametrize("by_fence", [False, True])
def test_global_pages_and_their_blocks_stay(by_fence: bool) -> None:
    spaces = Spaces()
    for page, mode in ((LOCAL[0], MODE_U), (GLOBAL, MODE_S)):
        for access in (READ, FETCH):
            assert spaces.miss(page, access, mode) == Action.CONTINUE
    fill_jump_caches(spaces)
    spaces.fence(asid=1)
    assert spaces.cached(LOCAL[0], READ, MODE_U) is not None
    if by_fence:
        # what is above the ASID's bits does not count
        spaces.fence(asid=1 << 16)
    else:
        spaces.switch(1)
    assert spaces.cached(LOCAL[0], READ, MODE_U) is None
    assert spaces.cached(GLOBAL, READ, MODE_S) is not None
    assert spaces.cached(GLOBAL, FETCH, MODE_S) is not None
    assert jump_caches(spaces) == [False, True, True, True]


def test_what_a_global_pointer_leads_to_is_global() -> None:
    hart = Hart()
    for page, level in ((0x5000, 1), (0x40006000, 2)):
        hart.map(page, RAM + 0x5000)
        pointer = hart.entry(3, page, level)
        hart.write(pointer, hart.read(pointer) | PTE_G)
        assert hart.miss(page, READ, MODE_S) == Action.CONTINUE
    hart.env.arg[0] = hart.env.satp | 1 << SATP_ASID_SHIFT
    assert helper_write_satp(hart.env) == Action.JUMP
    assert all(hart.cached(page, READ, MODE_S) is not None for page in (0x5000, 0x40006000))


def test_kernel_code_that_is_not_global_goes() -> None:
    hart = Hart()
    hart.map(0x5000, RAM + 0x5000)
    assert hart.miss(0x5000, FETCH, MODE_S) == Action.CONTINUE
    fill_jump_caches(hart)
    hart.env.arg[0] = hart.env.satp | 1 << SATP_ASID_SHIFT
    assert helper_write_satp(hart.env) == Action.JUMP
    assert hart.cached(0x5000, FETCH, MODE_S) is None
    assert jump_caches(hart) == [True, False, False, True]


@pytest.mark.parametrize("more", (0, 1, 88))
def test_more_pages_than_are_noted(more: int) -> None:
    hart = Hart()
    pages = [0x100000 + n * PAGE for n in range(LOCAL_ENTRIES + more)]
    for page in pages:
        hart.map(page, RAM + 0x50000, USER)
        assert hart.miss(page, READ, MODE_U) == Action.CONTINUE
    hart.env.arg[0] = hart.env.satp | 1 << SATP_ASID_SHIFT
    assert helper_write_satp(hart.env) == Action.JUMP
    assert not any(hart.cached(page, READ, MODE_U) for page in pages)


@pytest.mark.parametrize("value", [SV39 | 5 << SATP_ASID_SHIFT | ROOT + 0x1000 >> 12, 0])
def test_other_tables_or_another_scheme_drop_all(value: int) -> None:
    """With the ASID that was there before: the tables are new, and no fence need come first."""
    spaces = Spaces()
    spaces.env.satp = SV39 | 5 << SATP_ASID_SHIFT | ROOT >> 12
    spaces.miss(GLOBAL, READ, MODE_S)
    spaces.env.arg[0] = value
    assert helper_write_satp(spaces.env) == Action.JUMP
    assert spaces.env.satp == value
    assert spaces.cached(GLOBAL, READ, MODE_S) is None


def test_a_table_grows_with_its_misses_and_shrinks_when_little_used() -> None:
    hart = Hart()
    table = MODE_U * 3 + READ
    sizes = [hart.env.tlb_entries(MODE_U, READ)]
    pages = [0x100000 + n * PAGE for n in range(1024)]
    for page in pages:
        hart.map(page, RAM + 0x50000, USER)
    for page in pages * 8:
        if hart.cached(page, READ, MODE_U) is None:
            assert hart.miss(page, READ, MODE_U) == Action.CONTINUE
        if (size := hart.env.tlb_entries(MODE_U, READ)) != sizes[-1]:
            sizes.append(size)
    assert sizes == [256, 512, 1024]
    assert all(hart.cached(page, READ, MODE_U) is not None for page in pages)
    assert hart.env.tlb_entries(MODE_U, WRITE) == 256
    flush_translations(hart.env)
    assert not any(hart.cached(page, READ, MODE_U) for page in pages)
    # it was filled more than a quarter; from now on it is not
    assert hart.env.tlb_fills[table] == 0
    for expected in (512, 256, 256):
        hart.miss(pages[0], READ, MODE_U)
        flush_translations(hart.env)
        assert hart.env.tlb_entries(MODE_U, READ) == expected
        assert hart.cached(pages[0], READ, MODE_U) is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 1023), min_size=1), st.integers(1, 4))
def test_no_entry_is_left_behind_by_a_table_that_changes_its_size(used: list[int], growths: int) -> None:
    """What is flushed at one size must not come back at another."""
    hart = Hart()
    table = MODE_U * 3 + READ
    for n in used:
        hart.map(0x100000 + n * PAGE, RAM + 0x50000, USER)
        hart.miss(0x100000 + n * PAGE, READ, MODE_U)
    for _ in range(growths):
        hart.env.tlb_fills[table] = hart.env.tlb_entries(MODE_U, READ) * 4
        hart.miss(0x100000 + used[0] * PAGE, READ, MODE_U)
    for n in used:
        flush_page(hart.env, 0x100000 + n * PAGE)
        assert hart.cached(0x100000 + n * PAGE, READ, MODE_U) is None
    for _ in range(growths + 1):
        assert not any(hart.cached(0x100000 + n * PAGE, READ, MODE_U) for n in used)
        hart.env.tlb_fills[table] = 1
        flush_translations(hart.env)
