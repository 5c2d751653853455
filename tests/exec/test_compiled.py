"""Helpers compiled to machine code, at the start or when they are first called."""

from __future__ import annotations

from pytcg.exec import compiled
from pytcg.exec.machinecode import MachineCodeCpu
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.interrupts import helper_wfi
from pytcg.native import NativeFunction
from pytcg.tcg.helpers import Helper
from tests.exec.board import PROGRAM, Board
from tests.exec.riscv import WFI, addi

NUMBER = RiscvGuest.helpers.index(helper_wfi)


def helpers_of(board: Board) -> compiled.CompiledHelpers:
    assert isinstance(board.cpu, MachineCodeCpu)
    return board.cpu.host.helpers


def native_word(board: Board) -> int:
    return int(board.env.words[board.env.index + board.env.layout.offset["natives"] // 8 + NUMBER])


def test_those_with_a_fixed_meaning_are_compiled_at_the_start() -> None:
    helpers = helpers_of(Board())
    natives = {number for number, helper in enumerate(helpers.functions) if isinstance(helper, NativeFunction)}
    assert set(helpers.addresses) == natives == {number for number in natives if number < Helper.FIRST_GUEST}


def test_a_guests_own_are_compiled_when_they_are_first_called() -> None:
    board = Board()
    helpers = helpers_of(board)
    assert NUMBER not in helpers.addresses and not native_word(board)
    board.run(addi(5, 0, 42), WFI)
    assert helpers.addresses[NUMBER] == native_word(board)
    assert helpers.functions[NUMBER] is helper_wfi
    board.run(addi(5, 0, 43), WFI)
    assert board.x[5] == 43


def test_blocks_lie_after_the_room_for_helpers() -> None:
    board = Board()
    helpers = helpers_of(board)
    board.run(addi(5, 0, 42), WFI)
    address = helpers.addresses[NUMBER]
    first = board.find(PROGRAM)
    board.processors.flush()
    board.run(addi(5, 0, 43), WFI)
    assert address < helpers.runtime.buffer.base + helpers.end <= first
    assert helpers.runtime.buffer.position <= helpers.end
