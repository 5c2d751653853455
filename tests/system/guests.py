"""What the tests of whole machines run: pytcg as a process, and the guests that `make guests` fetches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GUESTS = Path(__file__).resolve().parents[2] / "guests" / "riscv64"
PYTCG = [sys.executable, "-m", "pytcg", "-M", "virt", "-nographic"]
PROMPT = "pytcg> "
#: seconds for what takes a few on an idle machine
PATIENCE = 120


def needs(*names: str) -> pytest.MarkDecorator:
    """A test that is not run where a guest's file is missing."""
    missing = [name for name in names if not (GUESTS / name).is_file()]
    reason = f"not run: no {', '.join(missing)} under guests/riscv64: run `make guests`"
    return pytest.mark.skipif(bool(missing), reason=reason)


def run(*options: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """A run with `typed` on a pipe as its standard input, to its end."""
    return subprocess.run([*PYTCG, *options], input=typed, capture_output=True, text=True, timeout=PATIENCE)


def demo(script: str, *options: str, typed: str = "") -> str:
    """The console of a run of the demo kernel with commands in its arguments; it must power off with status 0."""
    done = run("-append", f'quiet run="{script}"', *options, typed=typed)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
