"""The manual page is up to date, and completion works in the shells that are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pytcg.cli.completion import SHELLS, completion, words_of
from pytcg.cli.manual import page
from pytcg.cli.table import OPTIONS
from pytcg.machine.errors import MachineError

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_manual_is_up_to_date() -> None:
    assert (DOCS / "invocation.md").read_text() == page(), "python -m pytcg.cli.manual > docs/invocation.md"


def test_words_are_those_of_the_table() -> None:
    by_name = {name: option for option in OPTIONS for name in option.names}
    assert words_of(by_name["-display"]) == ["none"]
    assert words_of(by_name["-bios"]) == ["default", "none"]
    assert words_of(by_name["-kernel"]) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_every_option(shell: str) -> None:
    script = completion(OPTIONS, shell)
    assert all(name.lstrip("-") in script for option in OPTIONS for name in option.names)
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, timeout=10)
        assert (done.returncode, done.stderr) == (0, "")


def test_there_is_no_script_for_other_shells() -> None:
    with pytest.raises(MachineError, match=r"--completion bsh: there is only .*did you mean bash"):
        completion(OPTIONS, "bsh")


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("-kern", ["-kernel"]),
        ("-bios no", ["none"]),
        ("-cpu he", ["help"]),
        ("-kernel pyproject.t", ["pyproject.toml"]),
    ],
)
def test_bash_completes(line: str, replies: list[str]) -> None:
    words = " ".join(f"'{word}'" for word in ("pytcg-system", *line.split()))
    script = f"{completion(OPTIONS, 'bash')}\nCOMP_WORDS=({words}) COMP_CWORD={len(line.split())}\n_pytcg_system\n"
    done = subprocess.run(
        ["bash"], input=f'{script}printf "%s\\n" "${{COMPREPLY[@]}}"', capture_output=True, text=True, cwd=DOCS.parent
    )
    assert done.stdout.split() == replies
