"""The monitor's commands on a machine whose CPUs are faked, and a monitor in a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.machine.chardevs.backends import CharacterDevice, Ringbuf
from pytcg.machine.errors import MachineError
from pytcg.machine.machine import Machine
from pytcg.machine.monitor.commands import COMMANDS
from pytcg.machine.monitor.expressions import evaluate
from pytcg.machine.monitor.info import INFO
from pytcg.machine.monitor.monitor import Monitor
from pytcg.machine.options import DeviceSpec, Options
from tests.machine.fakes import Factory, FakeCpu

RAM, UART = 0x80000000, 0x10000000
RING = CharacterDevice("ring", Ringbuf(64))


@pytest.fixture
def firmware(tmp_path: Path) -> str:
    path = tmp_path / "firmware"
    path.write_bytes(bytes(range(64)))
    return str(path)


def make(firmware: str, factory: Factory | None = None, **options: Any) -> Machine:
    options = {"serials": ("ring",), "chardevs": (RING,), "cpus": 2, "name": "guest", **options}
    return Machine(Options(bios=firmware, **options), factory or Factory())


@pytest.fixture
def monitor(firmware: str) -> Iterator[Monitor]:
    machine = make(firmware)
    machine.memory.load(RAM, bytes(range(64)))
    yield Monitor(machine)
    machine.chardevs.close()
    machine.loop.close()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("info status", "VM status: paused (prelaunch)"),
        ("info registers", "CPU#0\npc of 0"),
        ("info registers -a", "CPU#0\npc of 0\nCPU#1\npc of 1"),
        ("info cpus", "* CPU #0: pc=0x80000000\n  CPU #1: pc=0x80000001 (halted)"),
        ("info mem", "No translation or protection"),
        ("info name", "guest"),
        ("info chardev", "ring: ringbuf"),
        ("info jit", f"{'blocks':<28}{7:>14}"),
        ("xp 0x80000000", "0000000080000000: 0x03020100"),
        ("xp/3xb 0x80000001", "0000000080000001: 0x01 0x02 0x03"),
        ("xp/2dh 0x80000000", "0000000080000000: 256 770"),
        ("xp /1xg 0x80000000", "0000000080000000: 0x0706050403020100"),
        ("xp/5w $pc", "0000000080000000: 0x03020100 0x07060504 0x0b0a0908 0x0f0e0d0c\n0000000080000010: 0x13121110"),
        ("xp/1c 0x80000041-1-31", "0000000080000021: '!'"),
        ("x/1ub $pc + 8", "0000000080000008: 8"),
        ("x/2i $pc", "0x80000000: 00010203\n0x80000004: 04050607"),
        ("gva2gpa 0x1234", "gpa: 0x1234"),
        ("p 2+3*4", "14"),
        ("print/x (2+3)*4", "0x14"),
        ("p ~0", "-1"),
        ("p/u -1", str(2**64 - 1)),
        ("", ""),
    ],
)
def test_answers(monitor: Monitor, line: str, answer: str) -> None:
    assert monitor.execute(line).strip() == answer.strip()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stpo", r"unknown command: stpo \(did you mean stop\?\)"),
        ("info nosuch", "there is no info nosuch"),
        ("x", "x needs address: x"),
        ("stop now", "'now' is too much: stop"),
        ("x 0x100000000", "cannot access memory at 0x100000000: it is not mapped"),
        ("x/2x 0xffffffff", "cannot access memory at 0xffffffff: there is no memory"),
        ("xp 0x10000000", "registers of a device"),
        ("xp/4zz 0", "a format is a count"),
        ("xp/9999999x 0x80000000", "too many"),
        ("xp $nosuch", r"no register \$nosuch"),
        ("p 1/0", "division by zero"),
        ("p 1+", "cut short"),
        ("p (1", "not closed"),
        ("p 1 2", "2 is too much"),
        ("p hello", "not a number"),
        ("p *1", r"\* is not where it can be"),
        ("cpu 2", "there is no CPU 2"),
        ("nmi", "non-maskable"),
        ("system_powerdown", "no power button"),
        ("help nosuch", "no command nosuch"),
        ("log in_asm", "in_asm is not among guest_errors,int,.*; others are for -d at the start"),
        ("log nosuch", "nosuch is not among"),
        ("ringbuf_read nosuch 1", "no ring buffer"),
        ("memsave 0 1 /nowhere/x", "cannot write /nowhere/x: No such file or directory"),
        ('memsave 0 1 "x', "quotation mark"),
    ],
)
def test_mistakes(monitor: Monitor, line: str, message: str) -> None:
    with pytest.raises(MachineError, match=message):
        monitor.execute(line)


def test_a_cable_is_plugged_out_and_in(firmware: str) -> None:
    card = DeviceSpec("virtio-net-device", (("id", "card"),))
    machine = make(firmware, devices=(card,))
    monitor = Monitor(machine)
    for state, shown in (("off", "down"), ("on", "up")):
        assert monitor.execute(f"set_link card {state}") == ""
        assert monitor.execute("info network") == f"card: 52:54:00:12:34:56, link {shown}, 0 frames wait for the guest"
    for line in ("set_link cord on", "set_link card up"):
        with pytest.raises(MachineError, match=r"no network card is called cord|on or off, not up"):
            monitor.execute(line)
    machine.plugboard.close()
    machine.chardevs.close()
    machine.loop.close()


def test_help_lists_every_command(monitor: Monitor) -> None:
    assert all(row.synopsis in monitor.execute("help") and row.help for row in COMMANDS)
    assert monitor.execute("help stop") == "stop|s -- stop the machine, its clock included"
    assert monitor.execute("info") == monitor.execute("help info")
    assert len(monitor.execute("info").splitlines()) == len(INFO)
    names = [name for row in COMMANDS for name in row.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", [row for row in INFO if not row.arguments], ids=lambda row: row.names[0])
def test_every_info_has_an_answer(monitor: Monitor, row: Any) -> None:
    assert monitor.execute(f"info {row.names[0]}")


def test_the_board_as_info_shows_it(monitor: Monitor) -> None:
    assert "10000000-00000000100000ff (i/o): /soc/serial@10000000" in monitor.execute("info mtree")
    assert "dev: /soc/serial@10000000 (ns16550a): Ns16550a\n  mmio 0000000010000000" in monitor.execute("info qtree")
    assert "addr=0000000080000000" in monitor.execute("info roms")
    assert "pending_set 0" in monitor.execute("info irq")
    monitor.execute("cpu 1")
    assert "0000000000001000 0000000080001000 0000000000002000 rw-" in monitor.execute("info mem")


@pytest.mark.parametrize("command", ["memsave", "pmemsave"])
def test_memory_is_saved(monitor: Monitor, tmp_path: Path, command: str) -> None:
    path = tmp_path / "a name"
    assert monitor.execute(f'{command} 0x80000001 0x1fff "{path}"') == ""
    assert path.read_bytes() == bytes(range(1, 64)) + bytes(0x1FFF - 63)


def test_a_ring_buffer_is_the_serial_line(monitor: Monitor) -> None:
    monitor.machine.memory.write(UART, 1, ord("a"))
    monitor.execute("ringbuf_write ring input")
    assert monitor.execute("ringbuf_read ring 10") == "a"
    assert monitor.ring("ring").inbox == b"input"


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("sto", ["stop"]),
        ("s", ["s", "set_link", "stop", "system_powerdown", "system_reset"]),
        ("info st", ["status"]),
        ("info registers ", []),
        ("cpu ", ["0", "1"]),
        ("ringbuf_read r", ["ring"]),
        ("help sy", ["system_powerdown", "system_reset"]),
        ("nosuch ", []),
    ],
)
def test_completion(monitor: Monitor, line: str, choices: list[str]) -> None:
    assert monitor.complete(line) == choices


def test_stop_cont_and_reset_of_a_run(firmware: str) -> None:
    """Guest time stands still while the machine is stopped, and a reset leaves it stopped."""
    seen: list[object] = []

    def program(cpu: FakeCpu) -> None:
        cpu.stopped.wait(5)

    factory = Factory(program)
    machine = make(firmware, factory)

    def first() -> None:
        seen.append(machine.status)
        machine.monitor("stop")
        times = [machine.clock.ticks() for _ in range(2)]
        seen.append(times[0] == times[1])
        machine.monitor("system_reset")
        seen.append(machine.status)
        machine.monitor("cont")
        machine.between_turns(last)

    def last() -> None:
        times = [machine.clock.ticks() for _ in range(2)]
        seen.extend((times[0] != times[1], machine.status))
        machine.monitor("quit")

    machine.loop.call_soon(lambda: machine.between_turns(first))
    assert machine.run() == 0
    assert seen == ["running", True, "paused", True, "running"]
    assert len(factory.cpus[0].resets) == 2


@given(
    st.recursive(
        st.integers(0, 1 << 64).map(str), lambda parts: st.tuples(parts, st.sampled_from("+-*&|^"), parts).map("".join)
    )
)
def test_expressions_mean_what_they_mean_in_python(text: str) -> None:
    assert evaluate(text, dict) == eval(text) % 2**64
