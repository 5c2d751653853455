"""Guests that mean harm, in a process of their own: they may end it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import settings

#: seconds that programs are run for, by the number of examples that other fuzzers are given
SECONDS = settings.default.max_examples / 25
PATIENCE = 120


@pytest.mark.parametrize("backend", ["x86_64", "tci"])
def test_guests_that_mean_harm(backend: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz.guests", "--backend", backend, "--seconds", f"{SECONDS:g}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS + PATIENCE)
    last = " ".join(done.stdout.splitlines()[-2:])
    assert done.returncode == 0, f"status {done.returncode} after the seeds {last}\n{done.stderr}"
    assert "Traceback" not in done.stderr
