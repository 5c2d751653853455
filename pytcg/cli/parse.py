"""Reads a command line by a table of options, as QEMU spells them: -name VALUE, or --name VALUE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.options import Options


class Answer(Exception):
    """An option that only asks for a text, such as -help: the text is printed and the program ends with status 0."""


class Option(NamedTuple):
    """One row of the table.

    `value` names the value in help; "" for none, "[=A|B]" for one that may follow an equals sign. `apply` gives the
    options that follow from those so far and the value ("" for none).
    """

    names: tuple[str, ...]
    value: str
    help: str
    apply: Callable[[Options, str], Options]

    @property
    def spelling(self) -> str:
        """The option as help shows it."""
        return f"{', '.join(self.names)}{'' if self.value.startswith('[') or not self.value else ' '}{self.value}"


def parse(table: Sequence[Option], arguments: Sequence[str]) -> Options:
    """The options of a command line. Raises MachineError for a mistake and Answer for a question."""
    rows = {name.lstrip("-"): row for row in table for name in row.names}
    options = Options()
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        row = rows.get(name.lstrip("-"))
        if not argument.startswith("-") or argument == "-":
            raise MachineError(f"what is {argument!r} for? (a kernel goes to -kernel)")
        if row is None or (equals and not row.value.startswith("[")):
            raise MachineError(f"no option {argument}{suggestion(name, [n for row in table for n in row.names])}")
        if row.value and not row.value.startswith("["):
            following = next(rest, None)
            if following is None:
                raise MachineError(f"{argument} needs a value: {row.spelling}")
            value = following
        options = row.apply(options, value)
    return options
