"""Guest programs that change code: their own block, other pages, pages of code and data, instructions across pages."""

from __future__ import annotations

import pytest

from tests.exec.board import BACKENDS, DATA, PAGE, PROGRAM, ROM, SRAM, Board
from tests.exec.riscv import FENCE_I, NOP, WFI, addi, bne, code, jal, jalr, load, store

HALF, WORD = 1, 2
RET = jalr(0, 1)


@pytest.fixture(params=BACKENDS)
def board(request: pytest.FixtureRequest) -> Board:
    return Board(request.param)


@pytest.mark.parametrize("between", [FENCE_I, jal(0, 4)])
def test_the_next_instruction_is_changed(board: Board, between: int) -> None:
    """Without fence.i it need not be seen by the architecture; here it is, behind the end of the block."""
    board.write(PROGRAM, code(load(5, 6, 0, WORD), store(5, 7, 0, WORD), between, addi(10, 0, -1), WFI))
    board.x[6], board.x[7] = DATA, PROGRAM + 12
    for value in range(20):
        board.write(DATA, code(addi(10, 0, value)))
        board.run(pc=PROGRAM)
        assert board.x[10] == value


@pytest.mark.parametrize("padding", [0, 1, 30])
def test_a_loop_changes_its_own_beginning(board: Board, padding: int) -> None:
    board.x[5], board.x[7], board.x[10], board.x[11] = addi(10, 10, 2), PROGRAM, 0, 10
    size = 4 * (4 + padding)
    board.run(
        addi(10, 10, 1), store(5, 7, 0, WORD), *([NOP] * padding), FENCE_I, addi(11, 11, -1), bne(11, 0, -size), WFI
    )
    assert board.x[10] == 1 + 9 * 2


def test_code_and_data_in_one_page_alternate(board: Board) -> None:
    """Stores beside the code, then into it, again and again."""
    function, counter = DATA + 0x100, DATA + 0x800
    board.write(function, code(addi(10, 10, 1), RET))
    board.x[5], board.x[6], board.x[7] = addi(10, 10, 1), function, counter
    board.x[8], board.x[10], board.x[11] = 1 << 20, 0, 100
    board.run(
        load(12, 7, 0), addi(12, 12, 1), store(12, 7, 0),
        store(5, 6, 0, WORD), FENCE_I, jalr(1, 6), 0x008282B3,  # add x5, x5, x8: the immediate grows by one
        addi(11, 11, -1), bne(11, 0, -32), WFI,
    )  # fmt: skip
    assert board.read(counter) == 100
    assert board.x[10] == sum(range(1, 101))


@pytest.mark.parametrize("second", [False, True])
def test_half_an_instruction_across_pages_is_changed(board: Board, second: bool) -> None:
    """addi x(10 + parity), x0, value: the register is in the first half, the value in the second."""
    last = DATA + PAGE - 2
    board.write(PROGRAM, code(store(5, 7, 0, HALF), FENCE_I, jalr(1, 6), WFI))
    board.x[6], board.x[7] = last, last + 2 * second
    for value in range(1, 20):
        word = addi(10 + value % 2, 0, value)
        before = addi(10 + value % 2, 0, 0) if second else addi(20, 0, value)
        board.write(last, code(before, RET))
        board.x[5], board.x[10], board.x[11] = word >> 16 * second & 0xFFFF, 99, 99
        board.run(pc=PROGRAM)
        assert (board.x[10 + value % 2], board.x[11 - value % 2]) == (value, 99)


def test_code_is_copied_over_code_page_by_page(board: Board) -> None:
    """As a loader does that gives a page to one program after the other."""
    source = PROGRAM + 0x10000
    copy = (load(5, 6, 0), store(5, 7, 0), addi(6, 6, 8), addi(7, 7, 8), addi(11, 11, -1), bne(11, 0, -20))
    board.write(PROGRAM, code(*copy, FENCE_I, jalr(1, 8), WFI))
    for value in range(10):
        board.write(source, code(*(addi(10, 10, value) for _ in range(64)), RET))
        board.x[6], board.x[7], board.x[8], board.x[11], board.x[10] = source, DATA, DATA, 40, 0
        board.run(pc=PROGRAM)
        assert board.x[10] == 64 * value


@pytest.mark.parametrize("offset", [0, PAGE - 2])
def test_flash_is_reprogrammed_under_its_code(board: Board, offset: int) -> None:
    """What changes it says so; the instruction may end in another page than the one that changes."""
    board.x[6] = ROM + offset
    for value in range(10):
        function = code(addi(10, 0, value), RET)
        board.rom.buffer[offset : offset + len(function)] = function
        board.code.overwritten(ROM + offset + 2, 2)
        for _ in range(2):
            board.run(jalr(1, 6), WFI)
            assert board.x[10] == value


@pytest.mark.parametrize("offset", [0, PAGE - 2])
def test_code_is_stored_into_memory_besides_main_ram(board: Board, offset: int) -> None:
    board.x[6] = SRAM + offset
    board.write(SRAM + offset + 4, code(RET))
    for value in range(10):
        board.x[5] = addi(10, 0, value)
        board.run(store(5, 6, 0, WORD), FENCE_I, jalr(1, 6), WFI)
        assert board.x[10] == value
