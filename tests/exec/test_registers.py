"""Device registers that machine code serves: they answer, and have effects, as in Python."""

from __future__ import annotations

import os
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytcg.devices.base import Device
from pytcg.devices.clint import Clint, Mswi, Sswi
from pytcg.devices.ns16550a import POLLS_OF_A_LISTENER, Ns16550a
from pytcg.devices.registers import Register
from pytcg.devices.virtio_mmio import VirtioMmio
from pytcg.exec.machinecode import MachineCodeCpu
from pytcg.frontend.riscv.bits import MIP_MSIP, MIP_SSIP
from pytcg.softmmu.regions import Io
from pytcg.softmmu.shared import LOG_CELLS, RING, SharedRegisters, WiredLine, register_key
from pytcg.tcg.state import IRQ_EDGE
from pytcg.tcg.types import MASK64
from tests.devices.fakes import FakeChardev, FakeLine, FakeTime, wiring
from tests.exec.board import PAGE, Board
from tests.exec.riscv import WFI, load, store

#: where the device under test is, and its twin, which only Python serves
SHARED, PLAIN, SOFTWARE = 0x20000000, 0x30000000, 0x21000000
A0, A1 = 10, 11
THR, IER, FCR, LCR, MCR, LSR, SCR = 0, 1, 2, 3, 4, 5, 7


class Bench:
    """A device twice, on a board; accesses are instructions."""

    def __init__(self, shared: Device, plain: Device, size: int = PAGE) -> None:
        self.board = Board()
        self.devices = shared, plain
        for base, device in ((SHARED, shared), (PLAIN, plain)):
            self.board.engine.memory.add(Io("device", base, size, device))
        shared.share(self.board.engine.memory.shared, [(SHARED, size)])
        assert isinstance(self.board.cpu, MachineCodeCpu)
        self.exits = 0
        self.finish, self.board.cpu.finish_access = self.board.cpu.finish_access, self.count

    def count(self) -> bool:
        self.exits += 1
        return self.finish()

    def access(self, base: int, offset: int, size: int, value: int | None = None) -> int:
        """The value of a load; the cause of the trap, if any, in bits 64 and up."""
        width = size.bit_length() - 1
        self.board.env.mcause = 0
        self.board.x[A0], self.board.x[A1] = value or 0, base + offset
        self.board.run(load(A0, A1, 0, width) if value is None else store(A0, A1, 0, width), WFI)
        return self.board.x[A0] | self.board.env.mcause << 64

    def both(self, offset: int, size: int, value: int | None = None) -> int:
        """The same access of both devices, which must give the same."""
        one, other = (self.access(base, offset, size, value) for base in (SHARED, PLAIN))
        assert one == other, (hex(offset), size, value)
        return one

    def settle(self) -> None:
        self.board.engine.memory.shared.settle()

    def native(self, offset: int, size: int, value: int | None = None) -> int:
        """An access of the shared device, which Python must not see."""
        before = self.exits
        result = self.access(SHARED, offset, size, value)
        assert self.exits == before
        return result


def uarts() -> tuple[Bench, list[FakeChardev]]:
    hosts = [FakeChardev(), FakeChardev()]
    one, other = (Ns16550a.create(wiring(FakeTime(), [FakeLine()], chardev=host)) for host in hosts)
    return Bench(one, other, 0x100), hosts


#: what decides what machine code may do: sending, polling, the divisor latch, loopback, interrupts, FIFOs
USUAL = st.sampled_from(
    tuple(
        (register, 1, value)
        for register, values in (
            (THR, (0x41, 0x42, None)),
            (LSR, (None,)),
            (LCR, (0x83, 3)),
            (MCR, (0x10, 0)),
            (IER, (2, 0)),
            (FCR, (1, 0xC0)),
        )
        for value in values
    )
)
ACCESS = USUAL | st.tuples(
    st.sampled_from((THR, THR, LSR, LSR, *range(8), 9)),
    st.sampled_from((1, 1, 1, 2, 4, 8)),
    st.none() | st.integers(0, 0x1FF) | st.just(0),
)


@pytest.fixture(scope="module")
def uart_bench() -> tuple[Bench, list[FakeChardev]]:
    return uarts()


@settings(deadline=None)
@given(st.lists(ACCESS | st.binary(min_size=1, max_size=3) | st.integers(0, 20), max_size=40), st.booleans())
def test_a_shared_uart_is_as_one_in_python(
    uart_bench: tuple[Bench, list[FakeChardev]], steps: list[tuple[int, int, int | None] | bytes | int], polled: bool
) -> None:
    """Steps: accesses, bytes from the host, room that the host has."""
    bench, hosts = uart_bench
    for host, device in zip(hosts, bench.devices, strict=True):
        host.limit, host.input, host.output = 1 << 20, b"", b""
        device.reset()
    if polled:
        for _ in range(POLLS_OF_A_LISTENER):
            bench.both(LSR, 1)
    for step in steps:
        if isinstance(step, tuple):
            bench.both(*step)
            if hosts[0].limit <= len(steps):
                # A transmitter that does not empty at once is to be seen before the next access.
                bench.settle()
        else:
            bench.settle()
            for host, device in zip(hosts, bench.devices, strict=True):
                if isinstance(step, bytes):
                    host.give(step)
                else:
                    host.limit = step
                    assert host.port is device
                    host.port.can_send()
    bench.settle()
    one, other = (device.save() for device in bench.devices)
    assert hosts[0].output + bytes(one.pop("tx")) == hosts[1].output + bytes(other.pop("tx"))
    assert one == other


def test_a_console_that_polls_and_sends_needs_no_python() -> None:
    bench, hosts = uarts()
    for _ in range(POLLS_OF_A_LISTENER):
        assert bench.both(LSR, 1) == 0x60
    bench.both(THR, 1, 0x21)
    for byte in b"hello":
        assert bench.native(LSR, 1) == 0x60
        bench.native(THR, 1, byte)
    assert hosts[0].output == b"!"
    bench.settle()
    assert hosts[0].output == b"!hello"
    # What is posted comes before what follows it: here, loopback.
    bench.native(THR, 1, 0x3F)
    bench.access(SHARED, MCR, 1, 0x10)
    assert hosts[0].output == b"!hello?"


def test_a_full_ring_is_emptied_in_python() -> None:
    bench, hosts = uarts()
    bench.access(SHARED, THR, 1, 0)
    sent = bytes(n & 0xFF for n in range(RING + 5))
    for byte in sent:
        bench.access(SHARED, THR, 1, byte)
    bench.settle()
    assert hosts[0].output == b"\0" + sent


def test_posted_writes_ring_the_bell_once() -> None:
    bench, hosts = uarts()
    bench.access(SHARED, THR, 1, 0)
    loop = bench.board.loop
    for text in (b"ab", b"cd"):
        for byte in text:
            bench.native(THR, 1, byte)
        loop.call_soon(loop.stop)
        loop.run()
    assert hosts[0].output == b"\0abcd"


def test_a_write_while_the_bell_is_answered_leaves_no_deaf_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, hosts = uarts()
    bench.access(SHARED, THR, 1, 0)
    loop = bench.board.loop

    def read_after_a_write(fd: int, size: int) -> bytes:
        monkeypatch.undo()
        bench.native(THR, 1, ord("b"))
        return os.read(fd, size)

    bench.native(THR, 1, ord("a"))
    monkeypatch.setattr("pytcg.softmmu.shared.os.read", read_after_a_write)
    bench.board.engine.memory.shared.bell_rang()
    assert hosts[0].output == b"\0ab"
    bench.native(THR, 1, ord("c"))
    loop.call_soon(loop.stop)
    loop.run()
    assert hosts[0].output == b"\0abc"


def test_an_empty_slot_needs_no_python() -> None:
    bench = Bench(VirtioMmio(), VirtioMmio())
    assert bench.native(0, 4) == int.from_bytes(b"virt", "little")
    assert bench.native(0xC, 4) == int.from_bytes(b"QEMU", "little")
    for value in range(3):
        bench.native(0x14, 4, value)
    assert bench.access(SHARED, 8, 4) == 0
    slot = bench.devices[0]
    assert isinstance(slot, VirtioMmio)
    assert slot.device_features_sel == 2
    for offset, size in ((1, 1), (2, 2), (0, 1), (0, 8), (2, 4), (0xFFC, 4), (4, 4), (8, 4)):
        bench.both(offset, size)


def test_what_is_not_declared_needs_no_python() -> None:
    bench = Bench(Keeper(), Keeper())
    for offset, size in ((0x10, 4), (0x18, 8), (0xFFC, 4)):
        bench.native(offset, size, MASK64)
        assert bench.native(offset, size) == bench.access(PLAIN, offset, size) == 0
    for offset, size in ((0x10, 1), (0x12, 4)):
        bench.both(offset, size)


def test_time_needs_no_python() -> None:
    clints = [Clint([FakeLine()], [FakeLine()], FakeTime(), FakeTime()) for _ in range(2)]
    bench = Bench(*clints, size=0x10000)
    env = bench.board.env
    env.clock_mult, env.clock_offset = 0, 0x1234_5678_9ABC_DEF0
    assert bench.native(0xBFF8, 8) == 0x1234_5678_9ABC_DEF0
    assert bench.native(0xBFF8, 4) == 0x9ABCDEF0 - (1 << 32) & (1 << 64) - 1


def software(model: type[Clint | Mswi | Sswi], mask: int) -> Bench:
    """A device whose hart 0 is that of the board, with more lines that lead nowhere."""
    bench = Bench(Keeper(), Keeper())
    cpu, shared = bench.board.cpu, bench.board.engine.memory.shared
    wire = cpu.wire(mask)
    assert wire
    lines = [WiredLine(wire, partial(cpu.set_irq, mask)), FakeLine()]
    device = Clint(lines, [FakeLine()] * 2, FakeTime(), FakeTime()) if model is Clint else model(lines)
    device.share(shared, [(SOFTWARE, 0x10000)])
    bench.board.engine.memory.add(Io("software", SOFTWARE, 0x10000, device))
    bench.devices = device, device
    return bench


@pytest.mark.parametrize("model", [Clint, Mswi])
def test_software_interrupts_need_no_python(model: type[Clint | Mswi]) -> None:
    bench = software(model, MIP_MSIP)
    env, at, device = bench.board.env, SOFTWARE - SHARED, bench.devices[0]
    for value in (1, 0, 3, 2, 1):
        env.irq = 0
        bench.native(at, 4, value)
        assert (env.software_line, env.mip & MIP_MSIP) == ((value & 1) * MIP_MSIP,) * 2
        assert bench.native(at, 4) == device.read(0, 4) == value & 1
        assert device.save()["registers"]["msip"] == [value & 1, 0]
    # Python's writes, those of a reset, and a state that is restored, are seen by machine code.
    saved = device.save()
    device.write(0, 4, 0)
    assert (bench.native(at, 4), env.software_line) == (0, 0)
    device.restore(saved)
    assert (bench.native(at, 4), env.software_line) == (1, MIP_MSIP)
    device.reset()
    assert (bench.native(at, 4), env.software_line) == (0, 0)
    # What leads to no hart is Python's.
    bench.access(SHARED, at + 4, 4, 1)
    assert device.read(4, 4) == 1


def test_edges_of_software_interrupts_need_no_python() -> None:
    bench = software(Sswi, MIP_SSIP)
    env, at = bench.board.env, SOFTWARE - SHARED
    for value in (0, 1, 2, 3):
        env.irq = 0
        bench.native(at, 4, value)
        assert env.irq & IRQ_EDGE == (value & 1) * IRQ_EDGE
        assert bench.access(SHARED, at, 4) == 0


class Keeper(Device):
    """Stored registers, one of which has effects when written."""

    sizes = (4, 8)
    limit = Register(0x0, mask=0xFF, reset=0x100)
    low = limit.field(0, 4)
    level = Register(0x8, width=8)

    @level.writes
    def _set_level(self, value: int) -> None:
        self.level = value + 1


def test_stored_registers_are_read_without_python() -> None:
    bench = Bench(Keeper(), Keeper())
    keeper = bench.devices[0]
    assert isinstance(keeper, Keeper)
    for value in (0, 5, 0xFFFFFFFF, 1 << 63):
        for offset, size in ((0, 4), (8, 8)):
            bench.both(offset, size, value)
            assert bench.native(offset, size) == bench.access(PLAIN, offset, size)
    keeper.low = 3
    assert bench.native(0, 4) & 0xF == 3
    saved = keeper.save()
    keeper.reset()
    assert (bench.native(0, 4), bench.native(8, 8)) == (0x100, 0)
    keeper.restore(saved)
    assert (bench.native(0, 4) & 0xF, bench.native(8, 8)) == (3, (1 << 63) + 1)


def test_registers_without_room_are_left_to_python() -> None:
    shared = SharedRegisters()
    for number in range(1 << LOG_CELLS - 1):
        shared.cell(register_key(number), (4,))
    with pytest.raises(OverflowError):
        shared.cell(register_key(1 << 40), (4,))
    keeper = Keeper()
    keeper.share(shared, [(0, PAGE)])
    keeper.limit = 3
    assert keeper.read(0, 4) == 3
