"""The slow path of guest memory: over page ends, devices, atomics, and what faults."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.tcg.state import READ, WRITE
from tests.exec.board import DATA, DEVICE, LEAF, PAGE, RAM, RAM_SIZE, ROM, Board, M, S

LOAD_ACCESS, STORE_ALIGN, STORE_ACCESS, LOAD_PAGE, STORE_PAGE = 5, 6, 7, 13, 15
OLD = bytes(range(1, 9))
WRITABLE = 4


@pytest.fixture
def board() -> Board:
    return Board("tci")


@pytest.fixture
def paged(board: Board) -> Board:
    """Pages 1 and 2 lie apart and in the other order; page 2 cannot be written, page 3 is not there."""
    board.map(0x1000, DATA + PAGE)
    board.map(0x2000, DATA, LEAF & ~WRITABLE)
    board.enter(S)
    return board


def test_a_load_over_the_end_of_a_page_reads_both(paged: Board) -> None:
    paged.write(DATA + 2 * PAGE - 3, OLD[:3])
    paged.write(DATA, OLD[3:])
    assert paged.slow.load(paged.env, 0x1FFD, 8, S) == OLD


def test_a_store_checks_both_pages_before_it_writes(paged: Board) -> None:
    """The first page can be written, the second cannot: nothing is."""
    before = bytes(paged.ram.buffer)
    assert not paged.slow.store(paged.env, 0x1FFD, OLD, S)
    assert paged.trap() == (STORE_PAGE, 0x2000, paged.env.mepc)
    assert bytes(paged.ram.buffer) == before
    paged.map(0x2000, DATA)
    assert paged.slow.store(paged.env, 0x1FFD, OLD, S)
    assert paged.slow.load(paged.env, 0x1FFD, 8, S) == OLD


@pytest.mark.parametrize(("address", "tval"), [(0x2FFC, 0x3000), (0x3000, 0x3000)])
def test_a_load_from_a_page_that_is_not_there(paged: Board, address: int, tval: int) -> None:
    assert paged.slow.load(paged.env, address, 8, S) is None
    assert paged.trap()[:2] == (LOAD_PAGE, tval)


def test_devices_get_the_access_as_it_was_made(board: Board) -> None:
    assert board.slow.load(board.env, DEVICE + 4, 4, M) == (0x11223344).to_bytes(4, "little")
    assert board.slow.store(board.env, DEVICE + 8, b"\1\2", M)
    assert board.device.written == [(8, 2, 0x0201)]


@pytest.mark.parametrize("address", [0, RAM - 8, RAM + RAM_SIZE])
def test_no_memory_is_an_access_fault(board: Board, address: int) -> None:
    assert board.slow.load(board.env, address, 8, M) is None
    assert board.trap()[:2] == (LOAD_ACCESS, address)
    assert not board.slow.store(board.env, address, OLD, M)
    assert board.trap()[:2] == (STORE_ACCESS, address)


def test_rom_is_read_and_not_written(board: Board) -> None:
    board.rom.buffer[:8] = OLD
    assert board.slow.load(board.env, ROM, 8, M) == OLD
    assert not board.slow.store(board.env, ROM, OLD, M)
    assert board.trap()[:2] == (STORE_ACCESS, ROM)


def test_atomics_want_aligned_ram(board: Board) -> None:
    assert board.slow.open_atomic(board.env, DATA + 8, 8, M, WRITE)
    assert board.env.addend + DATA & (1 << 64) - 1 == board.ram.host + DATA - RAM
    for address, cause in ((DATA + 4, STORE_ALIGN), (DEVICE, STORE_ACCESS), (ROM, STORE_ACCESS)):
        assert not board.slow.open_atomic(board.env, address, 8, M, WRITE)
        assert board.trap()[:2] == (cause, address)
    assert not board.slow.open_atomic(board.env, DATA + 4, 8, M, READ)
    assert board.trap()[:2] == (STORE_ALIGN - 2, DATA + 4)


@given(st.integers(DATA, DATA + 2 * PAGE), st.sampled_from([1, 2, 4, 8]), st.binary(min_size=8, max_size=8))
def test_what_is_stored_is_loaded(address: int, size: int, data: bytes) -> None:
    board = BOARD
    assert board.slow.store(board.env, address, data[:size], M)
    assert board.slow.load(board.env, address, size, M) == data[:size]
    assert bytes(board.ram.buffer[address - RAM : address - RAM + size]) == data[:size]


BOARD = Board("tci")
