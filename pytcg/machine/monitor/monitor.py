"""The monitor: a line in, a command of the table done, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytcg.machine.chardevs.wrappers import RingBuffer
from pytcg.machine.errors import suggestion
from pytcg.machine.monitor.command import Command, MonitorError, find
from pytcg.machine.monitor.commands import COMMANDS
from pytcg.machine.monitor.expressions import evaluate

if TYPE_CHECKING:
    from pytcg.machine.machine import Machine


class Monitor:
    """One user's view of a machine: which CPU its commands are about."""

    def __init__(self, machine: Machine) -> None:
        self.machine: Machine = machine
        self.cpu = 0

    def execute(self, line: str) -> str:
        """Do a command, with all vCPUs at a safe point; its answer. Raises MonitorError.

        The caller holds no lock, and is no vCPU.
        """
        name, rest = _first(line)
        if not name:
            return ""
        command = find(COMMANDS, name)
        if command is None:
            names = [name for command in COMMANDS for name in command.names]
            raise MonitorError(f"unknown command: {name}{suggestion(name, names)}")
        arguments = command.split(rest)
        if not command.alone:
            return command.run(self, *arguments)
        answers: list[str] = []
        self.machine.processors.exclusive(lambda: answers.append(command.run(self, *arguments)))
        return answers[0]

    def complete(self, line: str) -> list[str]:
        """What the last word of a line may become."""
        words = line.split()
        if not line or line[-1].isspace():
            words.append("")
        if len(words) == 1:
            choices = [name for command in COMMANDS for name in command.names]
        else:
            choices = self._choices(find(COMMANDS, _first(line)[0]), words[1:])
        return sorted(choice for choice in choices if choice.startswith(words[-1]))

    def _choices(self, command: Command | None, words: list[str]) -> list[str]:
        """What the last of a command's words can be."""
        if command is None or len(words) > len(command.arguments):
            return []
        return list(command.arguments[len(words) - 1].choices(self))

    def number(self, text: str) -> int:
        """The value of an expression. Raises MonitorError."""
        return evaluate(text, lambda: self.machine.inspect.registers(self.cpu))

    def ring(self, name: str) -> RingBuffer:
        """A chardev that is a ring buffer. Raises MonitorError."""
        chardev = self.machine.chardevs.opened.get(name)
        if not isinstance(chardev, RingBuffer):
            raise MonitorError(f"{name} is no ring buffer")
        return chardev


def _first(line: str) -> tuple[str, str]:
    """The name of a command and what follows; a format follows without a space."""
    line = line.strip()
    end = next((at for at, letter in enumerate(line) if letter.isspace() or letter == "/"), len(line))
    return line[:end], line[end:]
