"""pytcg-system as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

LIGHT = """
import sys
from pytcg.cli.main import main
status = main(["--version"])
parts = tuple(f"pytcg.{part}" for part in ("exec", "tcg", "frontend", "backend", "devices", "softmmu"))
heavy = [name for name in sys.modules if name.startswith(parts)]
sys.exit(status or ", ".join(heavy) or 0)
"""


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


@pytest.mark.parametrize(
    ("number", "running", "delay"),
    [
        (signal.SIGTERM, False, 0.0),
        (signal.SIGTERM, False, 0.2),
        (signal.SIGINT, False, 0.2),
        (signal.SIGTERM, True, 0.0),
        (signal.SIGINT, True, 0.5),
    ],
)
def test_a_signal_ends_it_within_a_second_in_every_state(number: signal.Signals, running: bool, delay: float) -> None:
    command = [sys.executable, "-m", "pytcg", "-M", "virt"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        if running:
            assert process.stdout.read(10)
        time.sleep(delay)
        sent = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert time.monotonic() - sent < 1
    assert b"Traceback" not in errors
    assert process.returncode in ((0,) if running else (0, -number))
