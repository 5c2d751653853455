"""A vCPU's own thread: its alarm, its sleep, and what wakes it, under both backends."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

import pytest

from pytcg.backend.base import KIND_ACCESS_SHIFT
from pytcg.exec.machinecode import MachineCodeCpu
from pytcg.frontend.riscv.bits import MENVCFG_STCE, MIP_MSIP, MIP_STIP
from pytcg.softmmu.shared import register_key
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.state import WRITE
from pytcg.tcg.types import MO_32
from tests.exec.board import BACKENDS, DATA, DEVICE, PROGRAM, Board
from tests.exec.riscv import WFI, add, addi, bltu, bne, code, csrrs, csrrw, jal, store

MIP, TIME, STIMECMP = 0x344, 0xC01, 0x14D
T0, T1, T2, A0, A1, A2 = 5, 6, 7, 10, 11, 12
TURNS = 10
#: sleep for as many ticks as x10 has; from x11 to x12, note each deadline and when that turn's sleep was over
SLEEP = (WFI, csrrs(T2, TIME), bltu(T2, T1, -8))
TURN = (csrrs(T0, TIME), add(T1, T0, A0), csrrw(STIMECMP, T1), *SLEEP, store(T1, A1, 0), store(T2, A1, 8))
SLEEPER = (*TURN, addi(A1, A1, 16), bne(A1, A2, -4 * (len(TURN) + 1)), jal(0, 0))


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until another thread has done something; fail after ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def start(backend: str, *words: int, enabled: int, harts: int = 1, **registers: int) -> Board:
    """A board whose first hart runs a program on its own thread, with interrupts that wake it but are not taken."""
    board = Board(backend, harts=harts)
    env = board.env
    env.menvcfg, env.mie = MENVCFG_STCE, enabled
    for name, value in registers.items():
        board.x[int(name[1:])] = value
    board.write(PROGRAM, code(*words))
    board.cpu.start()
    return board


def stop(board: Board) -> None:
    board.cpu.stop()
    assert board.cpu.join(10)
    assert board.env.alarm == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ticks", [1, 1_000, 30_000])
def test_the_alarm_wakes_a_sleeper_in_time(backend: str, ticks: int) -> None:
    end = DATA + 16 * TURNS
    board = start(backend, *SLEEPER, enabled=MIP_STIP, x10=ticks, x11=DATA, x12=end)
    loop = Thread(target=board.loop.run)
    loop.start()
    wait_for(lambda: board.read(end - 8) != 0)
    stop(board)
    board.loop.stop()
    loop.join()
    for at in range(DATA, end, 16):
        assert board.read(at) <= board.read(at + 8)


def test_a_loop_that_never_sleeps_sees_the_alarm() -> None:
    program = (csrrs(T0, TIME), add(T1, T0, A0), csrrw(STIMECMP, T1), jal(0, 0))
    board = start("x86_64", *program, enabled=0, x10=20_000)
    wait_for(lambda: bool(board.env.mip & MIP_STIP))
    stop(board)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_line_wakes_a_sleeper(backend: str) -> None:
    program = (WFI, addi(A0, A0, 1), store(A0, A1, 0), jal(0, -12))
    board = start(backend, *program, enabled=MIP_MSIP, x11=DATA)
    for _ in range(3):
        before = board.read(DATA)
        board.cpu.set_irq(MIP_MSIP, True)
        wait_for(lambda before=before: board.read(DATA) > before)
        board.cpu.set_irq(MIP_MSIP, False)
    stop(board)


def test_a_hart_wakes_another_without_python() -> None:
    """By the routine that does its store to a register which drives the other's line."""
    program = (WFI, addi(A0, A0, 1), store(A0, A1, 0), jal(0, -12))
    board = start("x86_64", *program, harts=2, enabled=MIP_MSIP, x11=DATA)
    shared, wire = board.engine.memory.shared, board.cpu.wire(MIP_MSIP)
    assert wire
    shared.drive(shared.cell(register_key(DEVICE), (4,)), wire, 4)
    other = board.processors.cpus[1]
    assert isinstance(other, MachineCodeCpu)

    def send(level: int) -> None:
        env = other.env
        env.ret, env.mem_kind, env.mem_value = DEVICE, MO_32 | WRITE << KIND_ACCESS_SHIFT, level
        assert other.host.runtime.call(env.address, Helper.REGISTER) == Action.CONTINUE

    for _ in range(3):
        wait_for(lambda: bool(board.env.halted))
        before = board.read(DATA)
        send(1)
        wait_for(lambda before=before: board.read(DATA) > before)
        send(0)
    stop(board)
