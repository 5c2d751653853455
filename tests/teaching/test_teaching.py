"""A kernel as courses write them runs its stress test on three harts, here and on QEMU, with the same output.

It relies on what such kernels rely on: PMP opened by one entry of all ones, page tables without A and D bits, the
trampoline, no fence.i after a program is loaded, an interrupt for each byte of output, a driver that takes no
feature of virtio's upper word, timers of both kinds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.console import console
from tests.guestprogram import QEMU
from tests.teaching.system import disk, kernel, options, programs

pytestmark = pytest.mark.slow

PYTCG = [sys.executable, "-m", "pytcg"]
EXPECTED = (Path(__file__).parent / "expected.txt").read_text()
PATIENCE = 240
VARIANTS = {"stimecmp and modern": (), "CLINT and legacy": ("TIMER_BY_CLINT", "LEGACY")}


@dataclass
class System:
    """Files of a kernel, and the emulator's arguments."""

    disk: Path
    arguments: list[str]


@pytest.fixture(scope="module")
def files(zig: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The programs on the disk."""
    return programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture(params=VARIANTS)
def system(request: pytest.FixtureRequest, files: dict[str, bytes], tmp_path: Path) -> System:
    """A kernel of each kind with a new disk."""
    macros = VARIANTS[request.param]
    image = disk(tmp_path / "disk", files)
    return System(image, options(kernel(tmp_path, macros), image, "LEGACY" in macros))


def stress(command: list[str]) -> str:
    """What the stress test prints; at its end it is given two lines to repeat."""
    with console(command, PATIENCE) as terminal:
        terminal.expect("pages lost: .*\n")
        for line in ("a line", "."):
            terminal.type(f"{line}\r")
            terminal.expect(f"{line}\r?\n{line}\r?\n")
        assert terminal.status() == 0
        return terminal.text.replace("\r", "")


def test_stress(system: System) -> None:
    assert stress([*PYTCG, *system.arguments]) == EXPECTED


@pytest.mark.skipif(not QEMU, reason="not run: QEMU (qemu-system-misc) is not installed")
def test_qemu_agrees(system: System) -> None:
    assert QEMU
    assert stress([QEMU, *system.arguments]) == EXPECTED


@pytest.mark.parametrize("delay", [0.02, 0.3])
def test_the_journal_survives_a_killed_emulator(system: System, delay: float) -> None:
    """What the accounts hold together is the same, whenever the emulator is killed while money moves."""
    with console([*PYTCG, *system.arguments], PATIENCE) as terminal:
        terminal.expect("blocks: 4")
        time.sleep(delay)
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.status()
    with console([*PYTCG, *system.arguments], PATIENCE) as terminal:
        terminal.expect("total: 8000\r?\n")
