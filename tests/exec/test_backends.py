"""Small programs run to the same state on machine code and on the interpreter."""

from __future__ import annotations

import pytest

from tests.exec.board import BACKENDS, DATA, DEVICE, PAGE, PROGRAM, RAM_SIZE, Board
from tests.exec.riscv import (
    ECALL,
    FENCE_I,
    NOP,
    WFI,
    add,
    addi,
    amoadd,
    bne,
    code,
    csrrs,
    fcvt_d_l,
    fdiv_d,
    jal,
    jalr,
    load,
    mul,
    slli,
    store,
)

MSTATUS, FCSR = 0x300, 0x003
A0, A1, A2, A3, A4, A5, RA = 10, 11, 12, 13, 14, 15, 1
AT, END, IO = 20, 21, 22
LOOP = (
    addi(A0, 0, 100),
    add(A1, A1, A0),
    mul(A2, A2, A1),
    addi(A2, A2, 7),
    store(A2, AT, 0),
    addi(AT, AT, 8),
    addi(A0, A0, -1),
    bne(A0, 0, -24),
    WFI,
)
#: each call goes to another page and comes back by a return
CALLS = (
    addi(A0, 0, 20),
    jal(RA, PAGE - 4),
    addi(A0, A0, -1),
    bne(A0, 0, -8),
    WFI,
    *[NOP] * ((PAGE - 20) // 4),
    add(A1, A1, A0),
    jalr(0, RA),
)
#: within a page, and over its end
UNALIGNED = (
    addi(A0, 0, -1),
    slli(A1, A0, 20),
    store(A1, AT, 3),
    load(A2, AT, 3),
    load(A3, AT, 1, 2),
    store(A1, END, -3),
    load(A4, END, -3),
    load(A5, END, -7),
    store(A0, END, -1, 1),
    load(6, END, -1, 5),
    WFI,
)
#: the instruction at 8 is executed, overwritten and executed again
REWRITTEN = (
    load(A1, AT, 0, 2),
    addi(A2, 0, 2),
    addi(A0, A0, 1),
    store(A1, END, 8, 2),
    FENCE_I,
    addi(A2, A2, -1),
    bne(A2, 0, -16),
    WFI,
)
ATOMIC = (addi(A0, 0, 5), *[amoadd(A1, AT, A0)] * 3, load(A2, AT, 0), amoadd(A3, IO, A0), WFI)
FLOATS = (
    addi(A0, 0, 1),
    addi(A1, 0, 3),
    fcvt_d_l(1, A0),
    fcvt_d_l(2, A1),
    fdiv_d(3, 1, 2),
    fdiv_d(4, 1, 0),
    csrrs(A2, FCSR),
    csrrs(A3, MSTATUS),
    WFI,
)
DEVICE_ACCESS = (load(A0, IO, 0), load(A1, IO, 2, 1), load(A2, IO, 7, 0), store(A0, IO, 8), store(A0, IO, 3, 0), WFI)
#: what is at DATA before a program runs: an instruction
BEFORE = code(addi(A0, A0, 100))
PROGRAMS = {
    "loop": LOOP,
    "calls": CALLS,
    "unaligned": UNALIGNED,
    "rewritten": REWRITTEN,
    "atomic": ATOMIC,
    "floats": FLOATS,
    "device": DEVICE_ACCESS,
    "ecall": (addi(A0, 0, 1), ECALL, WFI),
    "illegal": (addi(A0, 0, 1), 0xFFFFFFFF, WFI),
    "no memory": (addi(A0, 0, 1), load(A1, 0, 16), WFI),
    "jump nowhere": (addi(A0, 0, 64), jalr(RA, A0), WFI),
}


def ran(backend: str, program: tuple[int, ...]) -> Board:
    board = Board(backend)
    board.write(DATA, BEFORE)
    board.x[AT], board.x[END], board.x[IO] = DATA, DATA + PAGE, DEVICE
    if program is REWRITTEN:
        board.x[END] = PROGRAM
    board.run(*program)
    return board


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_come_to_the_same_state(name: str) -> None:
    native, interpreted = (ran(backend, PROGRAMS[name]) for backend in BACKENDS)
    assert list(native.env.globals) == list(interpreted.env.globals)
    assert native.trap() == interpreted.trap()
    for field in ("pc", "priv", "flags", "mstatus"):
        assert getattr(native.env, field) == getattr(interpreted.env, field), field
    assert bytes(native.ram.buffer[:RAM_SIZE]) == bytes(interpreted.ram.buffer[:RAM_SIZE])
    assert native.device.written == interpreted.device.written


@pytest.mark.parametrize("backend", BACKENDS)
def test_results(backend: str) -> None:
    """What some of the programs compute, so that both cannot be wrong alike."""
    assert ran(backend, LOOP).x[A1] == sum(range(1, 101))
    assert ran(backend, CALLS).x[A1] == sum(range(1, 21))
    assert ran(backend, REWRITTEN).x[A0] == 1 + 100
    unaligned = ran(backend, UNALIGNED)
    value = -1 << 20 & (1 << 64) - 1
    assert [unaligned.x[number] for number in (A2, A4, 6)] == [value, value, 0xFFFF]
    assert unaligned.x[A3] == int.from_bytes(BEFORE[1:3], "little")
    assert ran(backend, FLOATS).x[A2] == 1 | 8
    device = ran(backend, DEVICE_ACCESS)
    assert [device.x[number] for number in (A0, A1, A2)] == [0x1122334455667788, 0x5566, 0x11]
    assert device.device.written == [(8, 8, 0x1122334455667788), (3, 1, 0x88)]


@pytest.mark.parametrize(
    ("name", "cause", "tval", "at"),
    [
        ("ecall", 11, 0, 4),
        ("illegal", 2, 0xFFFFFFFF, 4),
        ("no memory", 5, 16, 4),
        ("jump nowhere", 1, 64, 64 - PROGRAM),
        ("atomic", 7, DEVICE, 20),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_traps(backend: str, name: str, cause: int, tval: int, at: int) -> None:
    assert ran(backend, PROGRAMS[name]).trap() == (cause, tval, PROGRAM + at)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_full_code_memory_is_flushed_and_the_program_goes_on(backend: str) -> None:
    """More blocks than fit: 2000 jumps, each to the next, run twice."""
    board = Board(backend, code_bytes=128 << 10)
    jumps = (addi(A0, A0, 1), jal(0, 4)) * 2000
    for _ in range(2):
        board.run(*jumps, WFI)
    assert board.x[A0] == 4000
    if backend == "x86_64":
        assert board.stats.flushes > 1
