"""Ctrl-C, SIGTERM and Ctrl-A x end pytcg within a second whatever the guest does, and leave the terminal as it was."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.system.guests import PYTCG

pytestmark = pytest.mark.slow

#: a second, and what an overloaded host adds
LIMIT = 1.0 + 2.0 * (os.getloadavg()[0] > 2 * (os.cpu_count() or 1))
UART = 0x10000
J_SELF, WFI, J_BACK = 0x0000006F, 0x10500073, 0xFFDFF06F
#: lui t0, UART ; sb t0, 0(t0) ; j .-4
PRINTING = (UART << 12 | 0x2B7, 0x00528023, J_BACK)
STORM = 60_000


def storm() -> tuple[int, ...]:
    """Code that is new all the time: addi with registers and constants at random, in a loop longer than the run."""
    random = Random(1)
    return (*(0x13 | random.getrandbits(25) << 7 & ~0x7000 for _ in range(STORM)), J_SELF)


GUESTS = {
    "loop": (J_SELF,),
    "wfi": (WFI, J_BACK),
    "printing": PRINTING,
    "storm": storm(),
    # the firmware's absence leaves mtvec at 0: a trap that traps
    "traps": (0,),
}


@pytest.fixture(params=GUESTS)
def firmware(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "firmware"
    path.write_bytes(b"".join(word.to_bytes(4, "little") for word in GUESTS[request.param]))
    return path


def running(process: subprocess.Popen[bytes]) -> None:
    """Wait until the guest has run for a while: pytcg handles signals just before."""
    status = Path(f"/proc/{process.pid}/status")
    while not int(re.findall(r"SigCgt:\s+(\w+)", status.read_text())[0], 16) >> (signal.SIGTERM - 1) & 1:
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1)


def end(process: subprocess.Popen[bytes]) -> float:
    """Seconds until the process has ended; it is killed where it does not."""
    sent = time.monotonic()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return time.monotonic() - sent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("cpus", [1, 4])
def test_a_signal_ends_it_whatever_the_guest_does(firmware: Path, number: signal.Signals, cpus: int) -> None:
    """Standard output is a pipe that nobody reads, standard input one that nobody writes."""
    command = [*PYTCG, "-bios", str(firmware), "-smp", str(cpus)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        running(process)
        process.send_signal(number)
        assert end(process) < LIMIT
        assert process.returncode == 0
        assert process.stderr
        assert process.stderr.read() == f"pytcg-system: terminating on signal {number:d}\n".encode()


@pytest.mark.parametrize("delay", [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7])
def test_ctrl_c_ends_it_during_its_start(delay: float) -> None:
    with subprocess.Popen(PYTCG, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        assert end(process) < LIMIT
        assert process.stderr
        errors = process.stderr.read()
    # a traceback, with status 1 or killed by the signal, is what the interpreter ends with before it comes to pytcg
    assert process.returncode in (0, 1, -signal.SIGINT)
    assert b"pytcg/cli" not in errors and (process.returncode != 1 or b"Traceback" in errors)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


def drain(master: int) -> None:
    while select.select([master], [], [], 0)[0]:
        os.read(master, 65536)


@pytest.mark.parametrize("way", ["keys", "SIGINT", "SIGTERM"])
def test_the_terminal_is_left_as_it_was_found(firmware: Path, terminal: tuple[int, int], way: str) -> None:
    master, slave = terminal
    before = termios.tcgetattr(slave)
    with subprocess.Popen([*PYTCG, "-bios", str(firmware)], stdin=slave, stdout=slave, stderr=slave) as process:
        running(process)
        drain(master)
        assert termios.tcgetattr(slave) != before
        if way == "keys":
            os.write(master, b"\x01x")
        else:
            process.send_signal(getattr(signal, way))
        assert end(process) < LIMIT
        assert process.returncode == 0
    assert termios.tcgetattr(slave) == before
