"""Lines for the monitor: commands of its table, right or mutilated, and what is no command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytcg.machine.monitor.commands import COMMANDS
from pytcg.machine.monitor.info import INFO
from pytcg.machine.monitor.monitor import Monitor
from tests.fuzz.machines import close, machine
from tests.fuzz.values import costly, numbers, refused_in_one_line
from tests.machine.fakes import Factory

#: commands that write where the line says are given a name of the test's own
FILES = ("memsave", "pmemsave")
NAMES = [name for row in COMMANDS for name in row.names]
PARTS = st.one_of(
    st.sampled_from(["info", *(name for row in INFO for name in row.names), *NAMES]),
    numbers(70).map(hex),
    st.integers(-5, 10**6).map(str),
    st.sampled_from(
        ("$pc", "$nothing", "$sp + 8", "/4xg", "/i", "/999999999xb", "/0x", "-1", "1/0", "1<<9999", "~", "ring")
    ),
    st.sampled_from(("(", ")", '"', "'", "\\", "-a", "serial", "0x", "$", "\t", "é", "\0")),
    st.text(max_size=8),
)


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    built = machine("virt", tmp_path_factory.mktemp("monitor"), True, Factory(), cpus=2)
    yield Monitor(built)
    close(built)


def check(monitor: Monitor, line: str) -> None:
    with refused_in_one_line():
        assert isinstance(monitor.execute(line), str)


@costly
@given(st.sampled_from(NAMES), st.lists(PARTS, max_size=4))
@example("print", ["(" * 100_000])
@example("print", ["-" * 100_000 + "1"])
@example("print", ["9" * 10_000])
@example("x", ["/" + "9" * 10_000 + "xb", "0"])
@example("x", ["/9999999999xb", "0x80000000"])
@example("xp", ["/1000000000i", "0x80000000"])
@example("ringbuf_read", ["serial", "0xffffffffffffffff"])
@example("ringbuf_write", ["serial", "\udcff"])
def test_commands(monitor: Monitor, tmp_path: Path, name: str, parts: list[str]) -> None:
    if name in FILES:
        parts[2:] = [str(tmp_path / "saved")]
    check(monitor, " ".join((name, *parts)))


@given(st.text())
def test_lines(monitor: Monitor, line: str) -> None:
    if not line.strip().startswith(FILES):
        check(monitor, line)
