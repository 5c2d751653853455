"""Commands of the monitor as data: parsing, help and completion derive from one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from pytcg.machine.errors import MachineError

if TYPE_CHECKING:
    from pytcg.machine.monitor.monitor import Monitor


class MonitorError(MachineError):
    """A command that cannot be done; the message is one line."""


class Kind(Enum):
    """What an argument is."""

    #: /COUNT, a letter for the format and one for the size
    FORMAT = auto()
    #: an expression without spaces, or in parentheses
    NUMBER = auto()
    #: an expression to the end of the line
    EXPRESSION = auto()
    WORD = auto()
    #: the rest of the line
    TEXT = auto()


@dataclass(frozen=True)
class Argument:
    """One argument; `choices` completes it, from a fixed list or from what the machine has."""

    name: str
    kind: Kind = Kind.WORD
    optional: bool = False
    choices: Callable[[Monitor], Sequence[str]] = lambda monitor: ()

    @property
    def synopsis(self) -> str:
        """As help shows it."""
        text = "/FMT" if self.kind is Kind.FORMAT else self.name if self.name[0] == "-" else self.name.upper()
        return f"[{text}]" if self.optional else text


@dataclass(frozen=True)
class Command:
    """`run` gets the monitor and the arguments in order, None for one left out; it gives the answer as text.

    `alone`: with every vCPU at a safe point.
    """

    names: tuple[str, ...]
    help: str
    run: Callable[..., str]
    arguments: tuple[Argument, ...] = ()
    alone: bool = True

    @property
    def synopsis(self) -> str:
        """The command as help shows it."""
        text = "|".join(self.names)
        for argument in self.arguments:
            text += ("" if argument.kind is Kind.FORMAT else " ") + argument.synopsis
        return text

    def split(self, rest: str) -> list[str | None]:
        """The arguments in a line after the command's name. Raises MonitorError where one is missing or too much."""
        found: list[str | None] = []
        for argument in self.arguments:
            rest = rest.strip()
            if argument.kind is Kind.FORMAT and not rest.startswith("/"):
                found.append(None)
                continue
            if not rest:
                if not argument.optional:
                    raise MonitorError(f"{self.names[0]} needs {argument.name}: {self.synopsis}")
                found.append(None)
                continue
            if argument.kind in (Kind.TEXT, Kind.EXPRESSION):
                word, rest = rest, ""
            else:
                word, rest = _word(rest)
            found.append(word)
        if rest.strip():
            raise MonitorError(f"{rest.strip()!r} is too much: {self.synopsis}")
        return found


def _word(text: str) -> tuple[str, str]:
    """The first word of a line and the rest; quotes and parentheses hold words together."""
    if text.startswith('"'):
        word, quote, rest = text[1:].partition('"')
        if not quote:
            raise MonitorError("a quotation mark is not closed")
        return word, rest
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter.isspace() and depth <= 0:
            return text[:at], text[at:]
    return text, ""


def find(table: Sequence[Command], name: str) -> Command | None:
    """The command of a name."""
    return next((command for command in table if name in command.names), None)
