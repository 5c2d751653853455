"""docs/invocation.md, from the tables of options, chardevs, monitor commands and log items.

`python -m pytcg.cli.manual > docs/invocation.md` writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from pytcg.cli.table import TABLE
from pytcg.debug.log import ITEMS
from pytcg.machine.chardevs.backends import BACKENDS
from pytcg.machine.chardevs.mux import KEYS
from pytcg.machine.monitor.commands import COMMANDS
from pytcg.machine.monitor.info import INFO

HEAD = """\
# pytcg-system(1)

## Name

pytcg-system: runs a machine

## Synopsis

    pytcg-system [option]...

Options are QEMU's. Long ones may be spelled with one dash or two; a comma within a value is written as two. An option
said again replaces what was said before, or adds to it where a machine may have several. A mistake is one line on
stderr, and status 1; when the guest powers off or the user ends the run, the status is 0 or the one that the guest
gave.

This page is made from the tables that the program itself works by (`python -m pytcg.cli.manual`).
"""
CONSOLE = """\
## Console

Without `-serial` and `-monitor`, the first serial port and a monitor share the terminal; what is typed goes to the
guest. The first character of these is Ctrl-A, or the control code that `-echr` gives:
"""
FILES = """\
## Files and environment

| | |
|---|---|
| `~/.cache/pytcg` | translations, kept between runs; `PYTCG_CACHE_DIR` or `-accel tcg,cache=DIR` puts them elsewhere |
| `python -X dev -m pytcg` | shows the traceback of an error, besides its line |
"""


def page() -> str:
    """The whole text."""
    parts = [HEAD, "## Options\n"]
    for group, options in TABLE.items():
        parts.append(f"### {group}\n\n{_table((option.spelling, option.help) for option in options)}")
    parts.append(CONSOLE)
    parts.append(
        _table((f"Ctrl-A {key}", text) for key, text in (*KEYS.items(), ("Ctrl-A", "send Ctrl-A to the guest")))
    )
    parts.append("## Chardevs\n\nBackends of `-chardev BACKEND,id=ID[,mux=on][,logfile=FILE[,logappend=on]]`:\n")
    parts.append(_table((_properties(name), kind.__doc__ or "") for name, kind in BACKENDS.items()))
    parts.append(
        "## Monitor\n\nNumbers may be expressions with the current CPU's registers: `x/4i $pc`, `xp 0x80000000+8*3`.\n"
    )
    parts.append(_table((command.synopsis, command.help) for command in COMMANDS))
    parts.append("`info` knows:\n")
    parts.append(_table((command.synopsis, command.help) for command in INFO))
    parts.append(f"## Log items\n\nOf `-d`:\n\n{_table(ITEMS.items())}")
    parts.append(FILES)
    return "\n".join(parts)


def _properties(backend: str) -> str:
    names = [name.replace("_", "-") for name in BACKENDS[backend].__dataclass_fields__]
    return ",".join((backend, *(f"{name}=" for name in names)))


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = ["| | |", "|---|---|"]
    for name, text in rows:
        escaped = text.partition("\n")[0].replace("|", "\\|")
        lines.append(f"| `{name.replace('|', chr(92) + '|')}` | {escaped} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
