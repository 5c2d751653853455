"""pytcg-system as a process."""

from __future__ import annotations

import subprocess
import sys

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
