"""Command lines out of the table of options, with values that are right, mutilated or of another option."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from pytcg.cli.parse import Answer, parse
from pytcg.cli.table import OPTIONS
from pytcg.machine.errors import MachineError
from pytcg.machine.machine import Machine
from pytcg.machine.models import MODELS
from pytcg.machine.options import Options
from tests.fuzz.machines import close
from tests.fuzz.values import costly, numbers
from tests.machine.fakes import Factory

#: values that options have in help, and words of which values are made
WORDS = (
    *(
        "virt",
        "spike",
        "sifive_u",
        "tcg",
        "max",
        "rv64",
        "none",
        "null",
        "on",
        "off",
        "help",
        "stdio",
        "ringbuf",
        "user",
    ),
    *(
        "file",
        "id",
        "if",
        "format",
        "size",
        "cpus",
        "cores",
        "shift",
        "base",
        "backend",
        "cache",
        "tb-size",
        "bus",
        "addr",
    ),
    *(
        "serial",
        "mux",
        "chardev",
        "drive",
        "netdev",
        "string",
        "name",
        "v=on",
        "path",
        "host",
        "port",
        "raw",
        "x",
        "",
        ",,",
    ),
    *(name for model in MODELS for name in (model.name, *(one.name for one in model.properties))),
)
#: options that change the process, reach the network, or start something of the host
LEFT_OUT = ("-daemonize", "-pidfile", "-device-path")
ROWS = [row for row in OPTIONS if not set(row.names) & set(LEFT_OUT)]
NAMES = [name for row in ROWS for name in row.names]
#: what would be a file of the host, or an end of a connection
OUTSIDE = ("/", "tcp", "unix", "udp", "pty", "stdio", "file", "pipe", "hostfwd", "://", "dump", "path", "log", "cache")

#: what the system can hand over: no zeroes, and what is no UTF-8 as these surrogates
texts = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), st.just("\udcff")), max_size=4
)
words = st.one_of(st.sampled_from(WORDS), numbers(65).map(str), numbers(64).map(hex), texts)
values = st.lists(words, min_size=1, max_size=5).flatmap(
    lambda parts: st.lists(st.sampled_from(",,,===:.-+ "), min_size=len(parts), max_size=len(parts)).map(
        lambda marks: "".join(a + b for a, b in zip(parts, marks, strict=True))[:-1]
    )
)
arguments = st.lists(st.one_of(st.tuples(st.sampled_from(NAMES), values), st.tuples(values)), max_size=5)


def read(line: list[str]) -> Options | None:
    """The options of a command line; None where they are an answer, or are refused in one line."""
    try:
        return parse(OPTIONS, line)
    except Answer as answer:
        assert str(answer)
    except MachineError as error:
        text = str(error)
        assert text.strip() and "\n" not in " ".join(text.split())
    return None


@given(arguments)
@example([("-smp", "9" * 5000)])
@example([("-m", "9" * 5000 + "G")])
@example([("-rtc", "base=99999-01-01")])
@example([("-rtc", "base=0001-01-01")])
@example([("-icount", "shift=99999999999999999999")])
@example([("-append", "\udcff")])
def test_lines(found: list[tuple[str, ...]]) -> None:
    read([word for part in found for word in part])


@costly
@given(arguments)
@example([("-m", "1E")])
@example([("-m", "0")])
@example([("-append", "\udcff")])
@example([("-name", "\udcff")])
@example([("-fw_cfg", "name=\udcff,string=\udcff")])
@example([("-append", "x" * 3_000_000)])
@example([("-kernel", "/")])
@example([("-initrd", "/"), ("-bios", "none")])
@example([("-cpu", "max,,,")])
def test_machines(tmp_path: Path, found: list[tuple[str, ...]]) -> None:
    line = [word for part in found for word in part]
    if any(mark in word for word in line for mark in OUTSIDE if word != mark):
        return
    options = read(["-nodefaults", *line])
    if options is None:
        return
    try:
        machine = Machine(options, Factory())
    except MachineError as error:
        assert str(error).strip() and "\n" not in " ".join(str(error).split())
    else:
        close(machine)
