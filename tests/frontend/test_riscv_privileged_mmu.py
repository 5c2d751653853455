"""Page-table walks: levels, permissions, A and D, Svnapot, Svpbmt, and what is cached and flushed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytcg.frontend.riscv.bits import (
    CAUSE_FETCH_ACCESS,
    CAUSE_FETCH_PAGE,
    CAUSE_LOAD_ACCESS,
    CAUSE_LOAD_PAGE,
    CAUSE_STORE_ACCESS,
    CAUSE_STORE_PAGE,
    MENVCFG_ADUE,
    MENVCFG_PBMTE,
    MODE_M,
    MODE_S,
    MODE_SUM,
    MODE_U,
    MSTATUS_MXR,
    PTE_A,
    PTE_D,
    PTE_N,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
)
from pytcg.frontend.riscv.flush import flush_everything, flush_page, flush_translations
from pytcg.frontend.riscv.mmu import debug_translate, probe, raise_access_fault
from pytcg.frontend.riscv.state import LAYOUT
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, FETCH, FIRST_ADDRESS, JUMP_CACHE_ENTRIES, LIMIT, READ, WORD, WRITE
from pytcg.tcg.types import MASK64
from tests.frontend.privileged import LEAF, PC, RAM, RAM_SIZE, ROM, ROOT, USER, Hart, M, S

VA, PA = 0x12345000, RAM + 0x80000
PAGE_FAULT = {READ: CAUSE_LOAD_PAGE, WRITE: CAUSE_STORE_PAGE, FETCH: CAUSE_FETCH_PAGE}
ACCESS_FAULT = {READ: CAUSE_LOAD_ACCESS, WRITE: CAUSE_STORE_ACCESS, FETCH: CAUSE_FETCH_ACCESS}


def faults(hart: Hart, address: int, access: int, mode: int, causes: dict[int, int] = PAGE_FAULT) -> bool:
    """With nothing cached, the access traps with its cause and address; probe and a TLB miss agree on that."""
    flush_everything(hart.env)
    hart.enter(1)
    assert probe(hart.env, address, access, mode) == Action.JUMP
    probed = hart.trap()
    hart.enter(1)
    assert hart.miss(address, access, mode) == Action.JUMP
    assert hart.trap() == probed
    return probed == (M, 0x100, PC, causes[access], address)


def finds(hart: Hart, address: int, access: int, mode: int) -> int:
    """The physical address, upon which probe and a TLB miss agree."""
    assert probe(hart.env, address, access, mode) == Action.CONTINUE
    physical = int(hart.env.ret)
    assert hart.miss(address, access, mode) == Action.CONTINUE
    addend = hart.cached(address, access, mode)
    assert addend is not None
    assert addend + address & MASK64 == physical + (0 if access == FETCH else hart.env.ram_addend)
    return physical


@pytest.mark.parametrize(("levels", "level"), [(n, level) for n in (3, 4, 5) for level in range(n)])
def test_every_level_of_every_scheme(levels: int, level: int) -> None:
    hart = Hart()
    va = (1 << 12 + 9 * levels - 2) + 0x5000
    size = 1 << 12 + 9 * level
    base = PA if level == 0 else 0
    hart.map(va, base, LEAF, levels, level)
    address = (va & -size) | 0x123
    assert probe(hart.env, address, READ, MODE_S) == Action.CONTINUE
    assert hart.env.ret == base | 0x123
    assert hart.env.walk_size == size
    if level:
        hart.map(va, 0x1000, LEAF, levels, level)
        assert faults(hart, va, READ, MODE_S)


@pytest.mark.parametrize("levels", [3, 4, 5])
def test_addresses_are_sign_extended(levels: int) -> None:
    hart = Hart()
    bits = 12 + 9 * levels
    high = MASK64 << (bits - 1) & MASK64
    hart.map(high, PA, LEAF, levels)
    assert finds(hart, high | 8, READ, MODE_S) == PA | 8
    for wrong in (1 << (bits - 1), 1 << 63, high - 4096, high ^ 1 << 63):
        assert faults(hart, wrong, FETCH, MODE_S)


def test_bare_and_machine_mode_do_not_translate() -> None:
    hart = Hart()
    assert finds(hart, PA + 5, READ, MODE_S) == PA + 5
    hart.map(VA, PA)
    assert finds(hart, PA + 5, WRITE, MODE_M) == PA + 5
    hart.env.satp = 0
    assert faults(hart, 1 << 56, READ, MODE_S, ACCESS_FAULT)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("bits", [PTE_W, PTE_W | PTE_X, PTE_W | PTE_A | PTE_D, PTE_W | PTE_X | PTE_A | PTE_D])
def test_writable_but_not_readable_is_reserved(bits: int, level: int) -> None:
    """Neither a leaf nor a pointer to a table (Privileged ISA manual, 12.3.2, step 3)."""
    hart = Hart()
    hart.map(VA, PA, PTE_V | bits, level=level)
    table = PA >> 12 << 10 | LEAF
    for at in range(PA, PA + 4096, 8):  # what it would point to, were it a pointer
        hart.write(at, table)
    for access in (READ, WRITE, FETCH):
        assert faults(hart, VA, access, MODE_S)


PERMISSIONS = [PTE_R, PTE_R | PTE_W, PTE_X, PTE_R | PTE_X, PTE_R | PTE_W | PTE_X]


@pytest.mark.parametrize("bits", PERMISSIONS)
@pytest.mark.parametrize("user", [0, PTE_U])
@pytest.mark.parametrize("mxr", [0, MSTATUS_MXR])
def test_permissions(bits: int, user: int, mxr: int) -> None:
    hart = Hart()
    hart.env.mstatus |= mxr
    hart.map(VA, PA, PTE_V | PTE_A | PTE_D | bits | user)
    needed = {READ: PTE_R | (PTE_X if mxr else 0), WRITE: PTE_W, FETCH: PTE_X}
    for access, bit in needed.items():
        for mode in (MODE_U, MODE_S, MODE_SUM):
            owner = mode == MODE_U if user else mode != MODE_U
            if user and mode == MODE_SUM and access != FETCH:
                owner = True
            if bits & bit and owner:
                assert finds(hart, VA, access, mode) == PA
            else:
                assert faults(hart, VA, access, mode)


@pytest.mark.parametrize(
    "entry",
    [
        0,
        LEAF & ~PTE_V,
        PTE_V | PTE_A | PTE_D | PTE_W,
        PTE_V | PTE_A | PTE_D | PTE_W | PTE_X,
        LEAF | 1 << 54,
        LEAF | 1 << 60,
        PTE_V,
        LEAF | 1 << 61,
        LEAF | 2 << 61,
        LEAF | PTE_N,
    ],
)
def test_invalid_leaves(entry: int) -> None:
    """Even if there are valid leaves where they point."""
    hart = Hart()
    hart.map(VA, PA, entry)
    for at in range(0, 4096, 8):
        hart.write(PA + at, PA >> 2 | LEAF)
    assert faults(hart, VA, READ, MODE_S)


@pytest.mark.parametrize("bit", [PTE_A, PTE_D, PTE_U, 1 << 61, PTE_N, 1 << 54])
def test_reserved_bits_of_a_pointer(bit: int) -> None:
    hart = Hart()
    hart.map(VA, PA)
    place = hart.entry(3, VA, 1)
    hart.write(place, hart.read(place) | bit)
    assert faults(hart, VA, READ, MODE_S)


def test_accessed_and_dirty_fault_without_adue() -> None:
    hart = Hart()
    assert hart.env.menvcfg == MENVCFG_ADUE
    hart.env.menvcfg = 0
    place = hart.map(VA, PA, LEAF & ~PTE_D)
    assert finds(hart, VA, READ, MODE_S) == PA
    assert faults(hart, VA, WRITE, MODE_S)
    hart.write(place, hart.read(place) & ~PTE_A)
    assert faults(hart, VA, READ, MODE_S)


def test_accessed_and_dirty_are_set_with_adue() -> None:
    hart = Hart()
    hart.env.menvcfg = MENVCFG_ADUE
    place = hart.map(VA, PA, LEAF & ~PTE_D & ~PTE_A)
    assert finds(hart, VA, READ, MODE_S) == PA
    assert hart.read(place) & (PTE_A | PTE_D) == PTE_A
    assert finds(hart, VA, WRITE, MODE_S) == PA
    assert hart.read(place) & (PTE_A | PTE_D) == PTE_A | PTE_D
    place = hart.map(VA, PA, PTE_V | PTE_R)
    assert faults(hart, VA, WRITE, MODE_S)
    assert hart.read(place) & PTE_A == 0


def test_napot_pages() -> None:
    hart = Hart()
    base = RAM + 0x80000
    va = 0x7FFF0000
    for page in range(16):
        hart.map(va + page * 4096, base | 0x8000, LEAF | PTE_N)
    for page in range(16):
        assert finds(hart, va + page * 4096 + 7, READ, MODE_S) == base + page * 4096 + 7
    for wrong in (0x0000, 0x4000, 0xC000, 0x9000):
        hart.map(va, base | wrong, LEAF | PTE_N)
        assert faults(hart, va, READ, MODE_S)
    hart.map(va, 0x8000, LEAF | PTE_N, level=1)
    assert faults(hart, va, READ, MODE_S)


def test_page_based_memory_types() -> None:
    hart = Hart()
    hart.env.menvcfg = MENVCFG_PBMTE
    for kind, valid in ((1, True), (2, True), (3, False)):
        hart.map(VA, PA, LEAF | kind << 61)
        assert finds(hart, VA, READ, MODE_S) == PA if valid else faults(hart, VA, READ, MODE_S)


def test_page_tables_outside_of_main_ram() -> None:
    hart = Hart()
    hart.env.satp = 8 << 60 | ROM >> 12
    assert hart.miss(VA, READ, MODE_S) == Action.SLOW
    rom = hart.memory.find(ROM)
    assert rom is not None
    hart.memory.load(ROM + (VA >> 30) * 8, (PTE_V | ROOT >> 2).to_bytes(8, "little"))
    hart.write(ROOT + (VA >> 21 & 511) * 8, LEAF & ~PTE_D | RAM >> 2)
    hart.env.walk_table = 0
    assert probe(hart.env, VA, READ, MODE_S) == Action.CONTINUE
    assert hart.env.ret == RAM | VA & 0x1FFFFF
    hart.env.menvcfg |= MENVCFG_ADUE
    hart.memory.load(ROM + (VA >> 30) * 8, (LEAF & ~PTE_A | RAM >> 2).to_bytes(8, "little"))
    assert probe(hart.env, VA, READ, MODE_S) == Action.JUMP
    assert hart.trap()[3:] == (CAUSE_LOAD_ACCESS, VA), "no atomic update of the entry"
    hart.enter(S)
    hart.env.satp = 8 << 60 | 0x5000000 >> 12
    assert probe(hart.env, VA, READ, MODE_S) == Action.JUMP
    assert hart.trap()[3:] == (CAUSE_LOAD_ACCESS, VA)


def test_what_is_left_to_python() -> None:
    hart = Hart()
    for place in (ROM, RAM + RAM_SIZE):
        hart.map(VA, place)
        assert hart.miss(VA, READ, MODE_S) == Action.SLOW
        assert finds(hart, VA, FETCH, MODE_S) == place
        flush_translations(hart.env)
    hart.map(VA, PA)
    hart.code_map[PA - RAM >> 12] = 1
    assert hart.miss(VA, WRITE, MODE_S) == Action.SLOW
    assert finds(hart, VA, READ, MODE_S) == PA


def test_debugger_sees_without_permission_and_changes_nothing() -> None:
    hart = Hart()
    place = hart.map(VA, PA, PTE_V | PTE_X | PTE_U)
    assert debug_translate(hart.env, VA + 9) == PA + 9
    assert debug_translate(hart.env, VA + 4096) is None
    assert hart.read(place) == PA >> 2 | PTE_V | PTE_X | PTE_U


def test_access_fault_of_a_fetch() -> None:
    hart = Hart()
    assert raise_access_fault(hart.env, 0x5000, FETCH) == Action.JUMP
    assert hart.trap() == (M, 0x100, PC, CAUSE_FETCH_ACCESS, 0x5000)


def jump_cache_word(hart: Hart, mode: int) -> int:
    return int(hart.env.index) + LAYOUT.jump_cache(mode) // WORD + 2 * (JUMP_CACHE_ENTRIES - 1)


def test_flush_of_a_page() -> None:
    hart = Hart()
    for page in (VA, VA + 4096):
        hart.map(page, PA)
        for access in (READ, WRITE, FETCH):
            finds(hart, page, access, MODE_S)
    limit = hart.env.index + hart.env.layout.slot(MODE_S, WRITE, 5) // WORD + LIMIT
    other = hart.env.index + hart.env.layout.slot(MODE_S, WRITE, 6) // WORD + LIMIT
    for slot, page in ((limit, VA), (other, VA + 4096)):
        hart.env.words[slot - LIMIT + FIRST_ADDRESS] = page
        hart.env.words[slot] = 4089
    flush_page(hart.env, VA + 8)
    assert all(hart.cached(VA, access, MODE_S) is None for access in (READ, WRITE, FETCH))
    assert all(hart.cached(VA + 4096, access, MODE_S) is not None for access in (READ, WRITE, FETCH))
    assert (hart.env.words[limit], hart.env.words[other]) == (0, 4089)


@pytest.mark.parametrize(("mode", "bits", "emptied"), [(MODE_S, LEAF, (1, 2)), (MODE_U, USER, (0,))])
def test_flush_of_a_page_spares_jump_caches_unless_it_was_fetched_from(
    mode: int, bits: int, emptied: tuple[int, ...]
) -> None:
    hart = Hart()
    hart.map(VA, PA, bits)
    finds(hart, VA, FETCH, mode)
    words = [jump_cache_word(hart, mode) for mode in range(4)]
    for word in words:
        hart.env.words[word] = 0x4000
    flush_page(hart.env, VA + 4096)
    assert [hart.env.words[word] for word in words] == [0x4000] * 4
    flush_page(hart.env, VA)
    assert [hart.env.words[word] for word in words] == [EMPTY if mode in emptied else 0x4000 for mode in range(4)]
    flush_translations(hart.env)
    for word in words:
        hart.env.words[word] = 0x4000
    flush_page(hart.env, VA)
    assert [hart.env.words[word] for word in words] == [0x4000] * 4, "nothing has been fetched since"


def test_a_page_that_python_has_fetched_from_is_noted_too() -> None:
    hart = Hart()
    hart.map(VA, PA)
    assert probe(hart.env, VA, FETCH, MODE_S) == Action.CONTINUE
    word = jump_cache_word(hart, MODE_S)
    hart.env.words[word] = 0x4000
    flush_page(hart.env, VA)
    assert hart.env.words[word] == EMPTY


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 511), st.integers(0, 511))
def test_flush_inside_a_superpage_drops_all_of_it(used: int, flushed: int) -> None:
    hart = Hart()
    base = 0x40000000
    hart.map(base, RAM, LEAF, level=1)
    address = base + used % (RAM_SIZE >> 12) * 4096
    finds(hart, address, READ, MODE_S)
    flush_page(hart.env, base + 0x200000)
    assert hart.cached(address, READ, MODE_S) is not None
    flush_page(hart.env, base + flushed * 4096)
    assert hart.cached(address, READ, MODE_S) is None


def test_superpages_of_the_kernel_leave_user_pages_alone() -> None:
    hart = Hart()
    hart.map(0xFFFFFFC000000000, RAM, LEAF, level=1)
    hart.map(VA, PA, USER)
    finds(hart, 0xFFFFFFC000000000, READ, MODE_S)
    finds(hart, VA, READ, MODE_U)
    flush_page(hart.env, VA + 4096)
    assert hart.cached(VA, READ, MODE_U) is not None
    assert hart.cached(0xFFFFFFC000000000, READ, MODE_S) is not None


def test_flush_of_all_leaves_machine_mode_alone() -> None:
    hart = Hart()
    finds(hart, PA, READ, MODE_M)
    hart.map(VA, PA, USER)
    finds(hart, VA, READ, MODE_U)
    flush_translations(hart.env)
    assert hart.cached(VA, READ, MODE_U) is None
    assert hart.cached(PA, READ, MODE_M) is not None
