"""pytcg-system as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytcg.cli.daemon import remove_pid, write_pid

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


def test_a_daemon_runs_on_without_its_starter(tmp_path: Path) -> None:
    pid_file, monitor = tmp_path / "pid", tmp_path / "monitor"
    done = run("-m", "pytcg", "-daemonize", "-pidfile", str(pid_file), "-monitor", f"unix:{monitor},server,nowait")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    number = int(pid_file.read_text())
    with socket.socket(socket.AF_UNIX) as to:
        to.connect(str(monitor))
        assert os.getsid(number) == number
        to.sendall(b"quit\n")
        while to.recv(1000):
            pass
    end = time.monotonic() + 30
    while pid_file.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_only_a_file_of_its_own_is_removed(tmp_path: Path) -> None:
    file, device = tmp_path / "pid", tmp_path / "device"
    device.symlink_to("/dev/null")
    for path in (file, device):
        write_pid(path)
    assert file.read_text() == f"{os.getpid()}\n"
    for path in (file, device):
        remove_pid(path)
    assert not file.exists() and device.is_symlink()


def test_a_daemon_that_cannot_start_says_so() -> None:
    done = run("-m", "pytcg", "-daemonize", "-kernel", "/nowhere/linux")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "pytcg-system: cannot read kernel /nowhere/linux: No such file or directory\n"
    assert run("-m", "pytcg", "-daemonize", "-serial", "stdio").returncode == 1


def test_the_tree_of_a_board_is_dumped(tmp_path: Path) -> None:
    blob = tmp_path / "tree"
    done = run("-m", "pytcg", "-M", f"virt,dumpdtb={blob}", "-append", "a=b", "-seed", "1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert blob.read_bytes()[:4] == bytes.fromhex("d00dfeed")
    assert b"a=b\0" in blob.read_bytes()
    again = tmp_path / "again"
    run("-m", "pytcg", "-M", f"virt,dumpdtb={again}", "-append", "a=b", "-seed", "1")
    assert again.read_bytes() == blob.read_bytes()
