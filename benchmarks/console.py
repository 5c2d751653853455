"""Drive a guest's console in a pseudo-terminal and take the CPU seconds of its emulator."""

from __future__ import annotations

import os
import pty
import re
import resource
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Figures:
    """What one run took up to its last marker: seconds of CPU and wall time, peak resident MiB, and the console's text."""

    cpu: float
    wall: float
    rss_mib: float
    text: str


class ConsoleError(Exception):
    """A marker did not come in time, or the emulator ended before it."""


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak_mib(pid: int) -> float:
    match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def drive(command: list[str], steps: list[tuple[str, str | None]], timeout: float = 300.0) -> Figures:
    """Run `command`; for each (expect, send) wait for the regular expression, then type the text.

    Raises ConsoleError when an expectation does not come within `timeout` seconds.
    """
    start = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    text = ""
    seen = 0
    cpu = wall = rss = 0.0
    try:
        for expect, send in steps:
            while not (match := re.compile(expect).search(text, seen)):
                if time.monotonic() - start > timeout:
                    raise ConsoleError(f"no {expect!r} in {timeout:g} s; the console ends with {text[-200:]!r}")
                if select.select([fd], [], [], 0.1)[0]:
                    try:
                        data = os.read(fd, 65536)
                    except OSError:
                        data = b""
                    if not data:
                        raise ConsoleError(f"ended before {expect!r}; the console ends with {text[-200:]!r}")
                    text += data.decode("utf-8", "replace")
            seen = match.end()
            cpu, wall, rss = _cpu_seconds(pid), time.monotonic() - start, _peak_mib(pid)
            if send is not None:
                for character in send:
                    os.write(fd, character.encode())
                    time.sleep(0.005)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
    return Figures(cpu, wall, rss, text)


def run_to_end(command: list[str], timeout: float = 300.0) -> Figures:
    """Run `command` without a terminal to its end and take the figures of the whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(cpu, time.monotonic() - start, after.ru_maxrss / 1024, done.stdout.decode("utf-8", "replace"))
