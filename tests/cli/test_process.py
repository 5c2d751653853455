"""pytcg-system as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

LIGHT = """
import sys
from pytcg.cli.main import main
status = main(["--version"])
parts = tuple(f"pytcg.{part}" for part in ("exec", "tcg", "frontend", "backend", "devices", "softmmu"))
heavy = [name for name in sys.modules if name.startswith(parts)]
sys.exit(status or ", ".join(heavy) or 0)
"""

#: seconds that a loaded machine may add to the one within which pytcg ends
SLACK = 3


def run(*command: str, **options: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=30, **options)


def test_the_module_runs_as_a_program() -> None:
    done = run("-m", "pytcg", "-M", "virtt")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "pytcg-system: no riscv64 board virtt (did you mean virt?): -M help lists them\n"


def test_version_imports_no_part_of_the_emulator() -> None:
    done = run("-c", LIGHT)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_into_a_closed_pipe_is_quiet() -> None:
    command = f"{sys.executable} -m pytcg -h | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def started(process: subprocess.Popen[bytes]) -> None:
    """The process is there; the interpreter may not be up yet."""


def importing(process: subprocess.Popen[bytes]) -> None:
    """pytcg is importing its own modules."""
    assert process.stderr
    assert any(b"pytcg.machine.errors" in line for line in process.stderr)


def printing(process: subprocess.Popen[bytes]) -> None:
    """The guest is running."""
    assert process.stdout and process.stdout.read(10)


def idle(process: subprocess.Popen[bytes]) -> None:
    """The guest waits for input."""
    assert process.stdout
    while not process.stdout.readline().startswith(b"Type `help`"):
        pass
    assert process.stdout.read(6) == b"pytcg>"


@pytest.mark.parametrize(
    ("number", "wait"),
    [
        (signal.SIGTERM, started),
        (signal.SIGTERM, importing),
        (signal.SIGINT, importing),
        (signal.SIGTERM, printing),
        (signal.SIGINT, idle),
        (signal.SIGHUP, idle),
    ],
)
def test_a_signal_ends_it_in_every_state(
    number: signal.Signals, wait: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    command = [sys.executable, *(["-X", "importtime"] if wait is importing else []), "-m", "pytcg", "-M", "virt"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait(process)
        sent = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - sent < 1 + SLACK
    assert b"Traceback" not in errors
    assert process.returncode in ((-number, 0) if wait is importing else (-number,) if wait is started else (0,))
