"""A shell in Debian's riscv64 installer, on the console of a machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.console import Console, console
from tests.system.guests import GUESTS, PYTCG, needs

PATIENCE = 400
PROMPT = "~ # "
OPTIONS = [
    *("-m", "1G", "-kernel", str(GUESTS / "linux"), "-initrd", str(GUESTS / "initrd.gz")),
    *("-append", "console=ttyS0 rdinit=/bin/sh"),
]
needs_debian = needs("linux", "initrd.gz")


class Shell:
    """Types commands; what is typed must be short, as the shell wraps it."""

    def __init__(self, terminal: Console) -> None:
        self.terminal = terminal

    def type(self, command: str) -> None:
        """Have a command begin."""
        self.terminal.expect(PROMPT)
        self.terminal.type(f"{command}\r")
        self.terminal.expect(r"\r\n")

    def answer(self, command: str) -> str:
        """What a command prints."""
        self.type(command)
        return self.rest()

    def rest(self) -> str:
        """What the command that was typed prints to its end."""
        start = self.terminal.seen
        end = self.terminal.expect(f"(?={PROMPT})").match.start()
        return self.terminal.text[start:end].replace("\r", "")

    def power_off(self) -> None:
        """End the run, with status 0."""
        self.type("poweroff -f")
        assert self.terminal.status() == 0
        assert "reboot: Power down" in self.terminal.text


@contextmanager
def debian(*options: str) -> Iterator[Shell]:
    """A run with the installer's kernel and files, up to its shell."""
    with console([*PYTCG, *OPTIONS, *options], PATIENCE) as terminal:
        yield Shell(terminal)
