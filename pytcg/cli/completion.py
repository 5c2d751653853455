"""Completion for shells, from the table of options: options by name, and what follows them where that can be known."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytcg.cli.parse import Option
from pytcg.machine.errors import MachineError, suggestion

PROGRAM = "pytcg-system"
#: an option's value that names a file
FILE = re.compile(r"\b(FILE|BOARD)\b")

BASH = """\
_pytcg_system() {{
    local word=${{COMP_WORDS[COMP_CWORD]}}
    case ${{COMP_WORDS[COMP_CWORD-1]}} in
{cases}
    *) COMPREPLY=($(compgen -W "{options}" -- "$word")) ;;
    esac
}}
complete -o filenames -F _pytcg_system {program}"""


def completion(table: Sequence[Option], shell: str) -> str:
    """The script for a shell. Raises MachineError for one that there is none for."""
    if shell not in SHELLS:
        raise MachineError(f"--completion {shell}: there is only {', '.join(SHELLS)}{suggestion(shell, SHELLS)}")
    return SHELLS[shell](table)


def words_of(option: Option) -> list[str]:
    """The words that an option's value can be, as far as the table tells."""
    value = option.value.strip("[]").removeprefix("=").split(",")[0].partition("=")
    return [word for word in (value[2] or value[0]).split("|") if re.fullmatch(r"[a-z0-9:_.]+", word)]


def _takes_value(option: Option) -> bool:
    return bool(option.value) and not option.value.startswith("[=")


def _bash(table: Sequence[Option]) -> str:
    cases = []
    for option in table:
        if _takes_value(option):
            files = " -f" if FILE.search(option.value) else ""
            words = " ".join((*words_of(option), *(["help"] if "help" in option.help else [])))
            reply = f'COMPREPLY=($(compgen{files} -W "{words}" -- "$word"))'
            cases.append(f"    {'|'.join(option.names)}) {reply} ;;")
    names = " ".join(name for option in table for name in option.names)
    return BASH.format(cases="\n".join(cases), options=names, program=PROGRAM)


def _zsh(table: Sequence[Option]) -> str:
    """Zsh runs scripts for Bash."""
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash(table)}"


def _fish(table: Sequence[Option]) -> str:
    lines = []
    for option in table:
        for name in option.names:
            text = option.help.replace("'", "")
            kind = "-l" if name.startswith("--") else "-o"
            line = f"complete -c {PROGRAM} {kind} {name.lstrip('-')} -d '{text}'"
            if _takes_value(option):
                line += f" -r{'F' if FILE.search(option.value) else 'f'}"
                if words := words_of(option):
                    line += f" -a '{' '.join(words)}'"
            lines.append(line)
    return "\n".join(lines)


SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
