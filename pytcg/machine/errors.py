"""The one exception that the command line turns into a line and exit status 1."""

from __future__ import annotations

from collections.abc import Iterable


class MachineError(Exception):
    """A machine that cannot be built or started as asked; the message is one line for the user."""


def suggestion(word: str, choices: Iterable[str]) -> str:
    """ " (did you mean ...?)" where one of the choices is close to a mistyped word, else nothing."""
    # imported here because only mistakes pay for it
    from difflib import get_close_matches

    close = get_close_matches(word, list(choices), 1)
    return f" (did you mean {close[0]}?)" if close else ""
