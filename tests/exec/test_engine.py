"""Finding the next block: from RAM and ROM, over page ends, and where fetching faults."""

from __future__ import annotations

import pytest

from tests.exec.board import BACKENDS, DATA, DEVICE, LEAF, PAGE, PROGRAM, RAM, RAM_SIZE, ROM, Board, M, S
from tests.exec.riscv import C_NOP, WFI, addi, code, jal

ACCESS_FAULT, PAGE_FAULT = 1, 12
EXECUTE = 8


@pytest.fixture(params=BACKENDS)
def board(request: pytest.FixtureRequest) -> Board:
    return Board(request.param)


def test_code_in_rom_runs(board: Board) -> None:
    program = code(addi(10, 0, 5), jal(0, PAGE - 4)) + bytes(PAGE - 8) + code(WFI)
    board.rom.buffer[: len(program)] = program
    board.run(pc=ROM)
    assert (board.x[10], board.env.pc) == (5, ROM + PAGE + 4)


@pytest.mark.parametrize("pc", [0, RAM - 4, RAM + RAM_SIZE, 1 << 40])
def test_nothing_to_fetch_is_an_access_fault(board: Board, pc: int) -> None:
    assert board.host(pc) == 0
    assert board.trap() == (ACCESS_FAULT, pc, pc)
    assert board.env.pc == board.env.mtvec


def test_the_second_half_of_an_instruction_may_be_what_is_missing(board: Board) -> None:
    """xtval is the address of the part that faulted, xepc that of the instruction (privileged specification, mtval)."""
    last = RAM + RAM_SIZE - 2
    board.write(last, b"\x13\x05")
    assert board.host(last) == 0
    assert board.trap() == (ACCESS_FAULT, last + 2, last)
    board.write(last, code(C_NOP))
    assert board.host(last)


def test_page_faults(board: Board) -> None:
    board.map(0x1000, PROGRAM)
    board.map(0x2000, DATA, LEAF & ~EXECUTE)
    board.write(PROGRAM + PAGE - 2, b"\x13\x05")
    for pc, tval in ((0x2000, 0x2000), (0x3000, 0x3000), (0x1FFE, 0x2000)):
        board.enter(S)
        assert board.host(pc) == 0
        assert board.trap() == (PAGE_FAULT, tval, pc)
        assert board.env.priv == M


def test_a_device_is_no_code(board: Board) -> None:
    """Its registers may be read as code, but the guest is not to be surprised by what comes: nothing crashes."""
    board.env.pc = DEVICE
    board.run(pc=DEVICE)
    assert board.env.halted


def test_other_flags_are_other_blocks(board: Board) -> None:
    """At the same address, and at another that a page is mapped to."""
    board.write(PROGRAM, code(addi(10, 0, 1), WFI))
    hosts = []
    for privilege, pc in ((M, PROGRAM), (S, PROGRAM), (S, 0x1000)):
        if pc != PROGRAM:
            board.map(pc, PROGRAM)
        board.enter(privilege, pc)
        hosts.append(board.host(pc))
    assert all(hosts) and len(set(hosts)) == 3
    assert board.distinct[0] == 2


def test_the_world_is_stopped_and_goes_on(board: Board) -> None:
    seen = []
    board.processors.exclusive(lambda: seen.append(board.engine.paused))
    assert seen == [True]
    assert not board.engine.paused
