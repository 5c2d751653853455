"""Reads the values of options: sizes, switches, properties. All raise MachineError for what they cannot read."""

from __future__ import annotations

from collections.abc import Iterable

from pytcg.machine.errors import MachineError, suggestion

SUFFIXES = {"": 20, "B": 0, "K": 10, "M": 20, "G": 30, "T": 40}
SWITCHES = {"on": True, "off": False, "yes": True, "no": False, "true": True, "false": False}


def memory_size(option: str, text: str) -> int:
    """A size in bytes: a number with a suffix K, M, G or T, of MiB without one."""
    number, suffix = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "")
    try:
        size = int(float(number) * (1 << SUFFIXES[suffix]))
    except (KeyError, ValueError, OverflowError):
        raise MachineError(f"{option} {text}: not a size such as 512M or 2G") from None
    if size <= 0:
        raise MachineError(f"{option} {text}: a machine needs memory")
    return size


def size(option: str, text: str) -> int:
    """A size in bytes: a number with a suffix K, M, G or T, of bytes without one."""
    return memory_size(option, text if text[-1:].isalpha() else f"{text}B")


def integer(option: str, text: str) -> int:
    """A number, decimal or with 0x."""
    try:
        return int(text, 0)
    except ValueError:
        raise MachineError(f"{option}: {text!r} is not a number") from None


def switch(option: str, text: str) -> bool:
    """on or off."""
    if text not in SWITCHES:
        raise MachineError(f"{option}: {text!r} is neither on nor off")
    return SWITCHES[text]


def properties(option: str, text: str, known: Iterable[str] | None, first: str = "") -> dict[str, str]:
    """ "a,b=1,c" as {first: "a", "b": "1", "c": "on"}; two commas stand for one in a value.

    Without `first`, the first item is a property as any other. Raises MachineError for a property that is not known,
    unless `known` is None.
    """
    return dict(items(option, text, known, first))


def items(option: str, text: str, known: Iterable[str] | None, first: str = "") -> list[tuple[str, str]]:
    """The same in order, for properties that may be given several times."""
    found = []
    for number, item in enumerate(text.replace(",,", "\0").split(",")):
        name, equals, value = item.replace("\0", ",").partition("=")
        if number == 0 and first and not equals:
            name, value = first, name
        elif known is not None and name not in known:
            raise MachineError(f"{option}: no property {name!r}{suggestion(name, known)}")
        elif not equals:
            value = "on"
        found.append((name, value))
    return found


def only(option: str, text: str, accepted: Iterable[str]) -> None:
    """Raises MachineError unless the value is one of those that this emulator can do."""
    if text not in accepted:
        raise MachineError(f"{option} {text}: there is only {', '.join(accepted)}{suggestion(text, accepted)}")


def date(option: str, text: str) -> int | None:
    """A date in nanoseconds since 1970 (UTC); None for `utc`, which is now."""
    if text == "utc":
        return None
    from datetime import UTC, datetime

    if text == "localtime":
        return int(datetime.now().replace(tzinfo=UTC).timestamp() * 1e9)
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9
    except ValueError:
        raise MachineError(f"{option}={text}: not a date such as 2026-01-31T12:00:00") from None
