"""Placed blocks: found, dropped by stores, flushed, recognised at another address."""

from __future__ import annotations

import pytest

from pytcg.backend.x86_64 import backend
from pytcg.exec.blocks.codecache import PATIENCE, TRANSLATIONS
from pytcg.exec.blocks.table import Index
from pytcg.exec.machinecode import MachineCodeCpu
from pytcg.frontend.riscv import translator
from pytcg.tcg.state import EMPTY, ENTRY_WORDS, FETCH, LIMIT, NUM_MMU_MODES, READ, WORD, WRITE
from tests.exec.board import BACKENDS, DATA, PAGE, PROGRAM, RAM, ROM, Board, S
from tests.exec.riscv import NOP, WFI, addi, code, jal, load, store

SECOND = PROGRAM + 0x100
BLOCK = code(addi(10, 10, 1), jal(0, 16))


@pytest.fixture(params=BACKENDS)
def board(request: pytest.FixtureRequest) -> Board:
    """A board with two equal blocks in one page."""
    made = Board(request.param)
    made.write(PROGRAM, BLOCK)
    made.write(SECOND, BLOCK)
    return made


def test_a_placed_block_is_found(board: Board) -> None:
    assert board.find(PROGRAM) == 0
    host = board.host(PROGRAM)
    assert host and board.find(PROGRAM) == host == board.host(PROGRAM)
    flags = board.env.flags & 0xFFF
    assert board.code.find(PROGRAM, PROGRAM, flags ^ 1, 0) == 0
    assert board.code.find(PROGRAM, PROGRAM + PAGE, flags, 0) == 0
    assert board.code.find(PROGRAM, PROGRAM, flags, PROGRAM + PAGE) == 0
    board.code.count()
    assert (board.stats.blocks, board.stats.translated_insns) == (1, 2)


def test_a_page_with_code_is_watched(board: Board) -> None:
    page = PROGRAM - RAM >> 12
    assert not board.code.code_map[page]
    # a store before there is code puts the page into the WRITE TLB, from which code drives it
    board.run(store(0, 5, 0), WFI, pc=DATA)
    board.x[5] = PROGRAM + 0x800
    board.run(pc=DATA)
    assert board.cached(PROGRAM, WRITE)
    board.host(PROGRAM)
    assert board.code.code_map[page]
    assert not board.cached(PROGRAM, WRITE)


def test_a_store_into_a_block_drops_it_alone(board: Board) -> None:
    board.host(PROGRAM), board.host(SECOND)
    board.write(PROGRAM + 7, b"\0")
    assert not board.find(PROGRAM) and board.find(SECOND)
    board.write(SECOND, b"\0")
    assert not board.find(SECOND)
    assert not board.code.code_map[PROGRAM - RAM >> 12]
    board.code.count()
    assert board.stats.invalidated == 2


def test_a_store_beside_blocks_drops_none_until_there_were_many(board: Board) -> None:
    board.host(PROGRAM)
    for _ in range(PATIENCE - 1):
        board.write(PROGRAM + 8, b"\1")
    assert board.find(PROGRAM)
    board.write(PROGRAM + 8, b"\1")
    assert not board.find(PROGRAM)


def test_an_atomic_drops_all_of_the_page(board: Board) -> None:
    board.host(PROGRAM), board.host(SECOND)
    assert board.slow.open_atomic(board.env, PROGRAM + 0x800, 8, 3, WRITE)
    assert not board.find(PROGRAM) and not board.find(SECOND)


def test_a_flush_drops_everything(board: Board) -> None:
    board.run(addi(10, 0, 7), WFI, pc=DATA)
    assert board.find(DATA)
    generation = board.code.generation
    board.processors.flush()
    assert board.code.generation == generation + 1
    assert not board.find(DATA)
    assert not any(board.code.code_map[:])
    assert set(board.env.jump_cache) == {EMPTY}
    board.x[10] = 0
    board.run(pc=DATA)
    assert board.x[10] == 7


def test_equal_blocks_are_translated_once(board: Board) -> None:
    """At the same offset in another page the translation is used again; at another offset it is not."""
    board.write(DATA, BLOCK)
    first, again = board.host(PROGRAM), board.host(DATA)
    board.code.count()
    assert first != again
    assert (board.stats.blocks, *board.distinct) == (2, 1, 2)
    board.host(SECOND)
    assert board.distinct[0] == 2


def test_both_places_run_as_their_own(board: Board) -> None:
    """A translation used at two addresses jumps from where it is."""
    link = code(jal(1, 8), WFI, WFI)
    for start in (PROGRAM, DATA):
        board.write(start, link)
        board.run(pc=start)
        assert board.x[1] == start + 4
    assert board.distinct[0] == 2


def test_a_block_over_the_end_of_a_page_belongs_to_both(board: Board) -> None:
    last = DATA + PAGE - 2
    for page in (DATA, DATA + PAGE):
        board.write(last, code(addi(10, 0, 1)))
        flags, second = board.env.flags & 0xFFF, DATA + PAGE
        host = board.host(last)
        assert host and board.code.find(last, last, flags, second) == host
        assert board.code.find(last, last, flags, 0) == 0
        board.write(page if page > DATA else last, b"\x13\x05" if page == DATA else b"\0\0")
        assert board.code.find(last, last, flags, second) == 0


def test_a_block_over_the_end_of_a_page_is_of_what_follows_there(board: Board) -> None:
    """The page after it may be mapped anew: another one, or one with the same bytes. What was translated is kept."""
    first, second = DATA + PAGE - 2, b"\x15\x00"
    board.write(first, code(addi(10, 0, 1))[:2])
    pages = DATA + PAGE, DATA + 2 * PAGE, DATA + 3 * PAGE
    for page, half in zip(pages, (second, b"\x25\x00", second), strict=True):
        board.write(page, half + code(WFI))
    hosts = []
    for page in (*pages, pages[0]):
        board.map(0x1000, DATA)
        board.map(0x2000, page)
        board.enter(S)
        hosts.append(board.host(0x1FFE))
    assert all(hosts) and len({*hosts[:3]}) == 3 and hosts[3] == hosts[0]
    assert board.distinct[0] == 2
    board.processors.flush()
    assert board.host(0x1FFE) and board.distinct[0] == 2
    board.rom.buffer[:6] = second + code(WFI)
    board.map(0x2000, ROM)
    assert board.host(0x1FFE)


@pytest.mark.parametrize(("start", "size"), [(DATA - 8, 9), (DATA + 7, PAGE), (DATA - PAGE, 3 * PAGE)])
def test_what_a_device_overwrites_is_dropped(board: Board, start: int, size: int) -> None:
    """In whichever of the pages it has written to."""
    board.write(DATA, BLOCK)
    assert board.host(DATA)
    board.code.overwritten(DATA - PAGE, PAGE)
    board.code.overwritten(DATA + len(BLOCK), PAGE)
    assert board.find(DATA)
    board.code.overwritten(start, size)
    assert not board.find(DATA)


def test_a_page_mapped_twice_has_blocks_at_both_addresses(board: Board) -> None:
    for virtual in (0x1000, 0x2000):
        board.map(virtual, PROGRAM)
    board.enter(S)
    hosts = [board.host(virtual) for virtual in (0x1000, 0x2000)]
    assert all(hosts) and hosts[0] != hosts[1]
    assert board.distinct[0] == 1
    board.write(PROGRAM, b"\0")
    flags = board.env.flags & 0xFFF
    assert [board.code.find(virtual, PROGRAM, flags, 0) for virtual in (0x1000, 0x2000)] == [0, 0]


def test_code_in_a_new_page_stops_stores_from_going_by(board: Board) -> None:
    """Wherever the permission to store is cached: without translation one entry serves all of main RAM."""
    board.x[5] = DATA
    board.run(store(10, 5, 0), *[NOP] * 2, WFI)
    words, limits = board.env.words, []
    for where in TRANSLATIONS:
        for mode in range(NUM_MMU_MODES):
            offset, entries = where(board.env, mode, WRITE)
            limits += [board.env.index + offset // WORD + n * ENTRY_WORDS + LIMIT for n in range(entries)]
    assert any(words[at] for at in limits)
    board.run(addi(10, 10, 1), WFI, pc=DATA + PAGE)
    assert not any(words[at] for at in limits)
    board.x[5] = DATA + PAGE
    board.run(load(11, 5, 0), store(11, 5, 0), *[NOP] * 2, WFI)
    assert not board.cached(DATA + PAGE, WRITE)


def test_resetting_empties_the_caches(board: Board) -> None:
    board.x[5] = DATA
    board.run(load(10, 5, 0), *[NOP] * 2, WFI)
    assert board.cached(DATA, READ) and board.cached(PROGRAM, FETCH)
    board.cpu.reset(PROGRAM)
    assert not board.cached(DATA, READ) and not board.cached(PROGRAM, FETCH)
    assert set(board.env.slots) == set(board.env.tlb) == {0}
    assert set(board.env.jump_cache) == {EMPTY}


@pytest.mark.parametrize("most", [1 << 12, 64])
def test_many_blocks_make_the_indices_grow(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Chained jumps, one block each: the indices of blocks and templates grow; where they may not, all is dropped."""
    monkeypatch.setattr(Index, "LEAST", 16)
    monkeypatch.setattr(Index, "MOST", most)
    board = Board()
    count = 600
    board.write(PROGRAM, code(*(word for n in range(count) for word in (addi(5, 5, n % 1000), jal(0, 4))), WFI))
    for _ in range(2):
        board.x[5] = 0
        board.run(pc=PROGRAM)
        assert board.x[5] == sum(n % 1000 for n in range(count))
    grown = most > count
    assert (board.stats.flushes == 0) == grown
    assert (board.distinct[0] == board.stats.blocks == count + 1) == grown
    assert not grown or all(board.find(PROGRAM + 8 * n) for n in range(count))
    board.write(PROGRAM, code(addi(5, 0, 7), WFI))
    board.run(pc=PROGRAM)
    assert board.x[5] == 7


def test_what_the_translator_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translator, "MOST_WORDS", 100)
    monkeypatch.setattr(backend, "MOST_OPS", 100)
    board = Board()
    count = 600
    board.run(*(word for n in range(count) for word in (addi(5, 5, n), jal(0, 4))), WFI)
    assert board.x[5] == sum(range(count))
    assert isinstance(board.cpu, MachineCodeCpu)
    kept = [*vars(board.cpu.host.runtime.backend).values(), board.cpu.guest._translator._long]
    assert max(len(memo) for memo in kept if isinstance(memo, dict)) <= 101
