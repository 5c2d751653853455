"""Drive a guest's console in a pseudo-terminal and take the CPU seconds of its emulator."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: a whole address space's mapping in /proc/PID/smaps: its first line, and the line of its resident KiB
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) .*?^Rss: +(\d+) kB", re.MULTILINE | re.DOTALL)
TYPING_SECONDS = 0.005


class ConsoleError(Exception):
    """An expected text did not come in time, or the emulator ended before it."""


@dataclass
class Mark:
    """The moment at which an expected text came: what matched, and what the process had taken since its start."""

    match: re.Match[str]
    cpu: float
    wall: float
    rss_mib: float


class Console:
    """A process in a pseudo-terminal of its own. Its CPU time is that of all its threads."""

    def __init__(self, command: list[str], timeout: float) -> None:
        self.start = time.monotonic()
        self.timeout = timeout
        self.text = ""
        self.seen = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.waiting = select.poll()
        self.waiting.register(self.fd, select.POLLIN)
        # Linux's number for the CPU clock of another process (clock_getcpuclockid)
        self.clock = ~self.pid << 3 | 2

    def expect(self, pattern: str) -> Mark:
        """Wait for a regular expression in what was not yet matched. Raises ConsoleError."""
        compiled = re.compile(pattern)
        while not (match := compiled.search(self.text, self.seen)):
            if time.monotonic() - self.start > self.timeout:
                raise ConsoleError(f"no {pattern!r} in {self.timeout:g} s; the console ends with {self.text[-200:]!r}")
            if not self._read():
                raise ConsoleError(f"ended before {pattern!r}; the console ends with {self.text[-200:]!r}")
        self.seen = match.end()
        return Mark(match, time.clock_gettime(self.clock), time.monotonic() - self.start, self._peak_mib())

    def _read(self) -> bool:
        """Take what has come within a tenth of a second; False at the end."""
        if not self.waiting.poll(100):
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += data.decode("utf-8", "replace")
        return bool(data)

    def _peak_mib(self) -> float:
        match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(match[1]) / 1024 if match else 0.0

    def type(self, text: str) -> None:
        """Send text as a person would, a character after the other."""
        for character in text:
            os.write(self.fd, character.encode())
            time.sleep(TYPING_SECONDS)

    def resident_in_mapping(self, size_mib: int) -> float:
        """Resident MiB of the smallest mappings of at least `size_mib` MiB: guest RAM of that size."""
        mappings = [
            (int(last, 16) - int(first, 16) >> 20, int(rss) / 1024)
            for first, last, rss in _MAPPING.findall(Path(f"/proc/{self.pid}/smaps").read_text())
        ]
        return min((found for found in mappings if found[0] >= size_mib), default=(0, 0.0))[1]

    def status(self) -> int:
        """Wait for the process to end by itself; its exit status, -N for a signal. Raises ConsoleError."""
        while self._read():
            if time.monotonic() - self.start > self.timeout:
                raise ConsoleError(f"no end in {self.timeout:g} s; the console ends with {self.text[-200:]!r}")
        ended = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        return ended

    def close(self) -> None:
        """End the process, if it has not ended."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@contextmanager
def console(command: list[str], timeout: float = 300.0) -> Iterator[Console]:
    """`command` in a pseudo-terminal; it is killed at the end. `timeout`: seconds for all that is expected."""
    opened = Console(command, timeout)
    try:
        yield opened
    finally:
        opened.close()
