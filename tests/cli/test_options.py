"""The command line: QEMU's spellings become Options, and mistakes become one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytcg import __version__
from pytcg.cli.main import main
from pytcg.cli.parse import Answer, parse
from pytcg.cli.table import OPTIONS, TABLE
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Accelerator, Loader, Options


def options(line: str) -> Options:
    return parse(OPTIONS, line.split())


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("-M virt", "board", "virt"),
        ("-machine my/board.dts", "board", "my/board.dts"),
        ("--machine type=virt", "board", "virt"),
        ("-m 1G", "memory", 1 << 30),
        ("-m 256", "memory", 256 << 20),
        ("-m size=0.5g", "memory", 1 << 29),
        ("-m 4096K", "memory", 4 << 20),
        ("-smp 2", "cpus", 2),
        ("-smp cpus=4,cores=2", "cpus", 4),
        ("-smp sockets=2,cores=3", "cpus", 6),
        ("-cpu rv64,zba=off", "cpu", "rv64,zba=off"),
        ("-kernel linux", "kernel", Path("linux")),
        ("-initrd initrd.gz", "initrd", Path("initrd.gz")),
        ("-append a=b", "append", "a=b"),
        ("-dtb x.dtb", "dtb", Path("x.dtb")),
        ("-bios none", "bios", "none"),
        ("-serial none", "serial", False),
        ("-serial mon:stdio", "serial", True),
        ("-nographic", "serial", True),
        ("-no-reboot", "no_reboot", True),
        ("-no-shutdown", "no_shutdown", True),
        ("-d in_asm,op -d int", "log", frozenset(("in_asm", "op", "int"))),
        ("-D log", "log_file", Path("log")),
        ("--stats", "stats", "text"),
        ("--stats=json", "stats", "json"),
        ("-stats=json", "stats", "json"),
        ("--arch riscv64", "arch", "riscv64"),
        ("-accel tcg,backend=tci,count=on", "accelerator", Accelerator("tcg", "tci", True)),
        ("-accel tcg,tb-size=2", "accelerator", Accelerator("tcg", code_mib=2)),
        ("-accel kvm -accel hvf -accel tcg -accel tcg,count=on", "accelerator", Accelerator("tcg")),
        ("-accel kvm", "accelerator", Accelerator("kvm")),
        ("-M virt,accel=kvm:tcg", "accelerator", Accelerator("tcg")),
        (
            "-device loader,file=a,,b,addr=0x80,force-raw=on -device loader,file=c",
            "loaders",
            (Loader(Path("a,b"), 0x80, True), Loader(Path("c"))),
        ),
    ],
)
def test_an_option_becomes_a_field(line: str, field: str, value: object) -> None:
    found = options(line)
    assert getattr(found, field) == value
    others = [name for name in vars(Options()) if name != field]
    assert [getattr(found, name) for name in others] == [getattr(Options(), name) for name in others]


def test_the_command_line_of_kunit() -> None:
    line = "-nodefaults -m 1024 -kernel Image -append x -no-reboot -nographic"
    found = options(f"{line} -accel kvm -accel hvf -accel tcg -serial stdio")
    assert (found.memory, found.no_reboot, found.serial) == (1 << 30, True, True)
    assert found.accelerator == Accelerator("tcg")


def test_the_command_line_of_virtme() -> None:
    assert options("-parallel none -net none -vga none -display none -no-reboot -name x").no_reboot


MISTAKES = [
    ("-kernal x", "no option -kernal (did you mean -kernel?)"),
    ("-kernel=x", "no option -kernel=x (did you mean -kernel?)"),
    ("linux", "what is 'linux' for? (a kernel goes to -kernel)"),
    ("-m", "-m needs a value: -m SIZE"),
    ("-m lots", "-m lots: not a size"),
    ("-m 0", "-m 0: a machine needs memory"),
    ("-m -5", "-m -5: a machine needs memory"),
    ("-m nan", "-m nan: not a size"),
    ("-m 1G,slots=2", "-m: no property 'slots'"),
    ("-accel tcg,tb-size=0", "code memory is of 1 to 2047 MiB"),
    ("-smp two", "-smp: 'two' is not a number"),
    ("-smp 0", "-smp 0: a machine needs CPUs"),
    ("-smp 2,maxcpus=4", "all numbers must agree"),
    ("-smp 3,cores=2", "all numbers must agree"),
    ("-M virt,acel=tcg", "-M: no property 'acel' (did you mean accel?)"),
    ("-accel tgc", "-accel tgc: there is only tcg (did you mean tcg?)"),
    ("-accel tcg,count=maybe", "'maybe' is neither on nor off"),
    ("-serial tcp::4444", "-serial tcp::4444: there is only"),
    ("-display gtk", "-display gtk: there is only none"),
    ("-net user", "-net user: there is only none"),
    ("-monitor stdio", "-monitor stdio: there is only none"),
    ("-device virtio-rng-device", "-device virtio-rng-device: there is only loader"),
    ("-device loader", "-device loader needs file="),
    ("-device loader,file=x,addr=here", "'here' is not a number"),
    ("-d in_asn", "-d: unknown log item 'in_asn'"),
    ("-icount shift=0", "-icount is not there"),
    ("--stats=xml", "--stats xml: there is only text, json"),
]


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    assert main(line.split()) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pytcg-system: ") and said.err.count("\n") == 1
    assert message in said.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-kernel /nowhere/linux", "cannot read kernel /nowhere/linux: No such file or directory"),
        ("-bios none", "nothing to start"),
        ("-bios /dev/null", "/dev/null is an empty file"),
        ("-kernel /dev/null", "/dev/null is not a kernel: it is an empty file"),
        ("-M virtt", "no riscv64 board virtt (did you mean virt?)"),
        ("-M /nowhere.dts", "cannot read device tree /nowhere.dts: No such file or directory"),
        ("--arch riscv46", "no guest architecture riscv46"),
        ("-cpu rv64,zbz=on", "-cpu rv64,zbz=on: unknown CPU property 'zbz'"),
        ("-smp 1000", "-smp 1000: the board can have 1 to 64 CPUs"),
        ("-m 1M", "not enough memory"),
        ("-accel tcg,backend=arm", "there is no backend 'arm' (backends: x86_64, tci)"),
    ],
)
def test_a_machine_that_cannot_be_is_one_line(capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    assert main(line.split()) == 1
    said = capsys.readouterr()
    assert said.err.startswith("pytcg-system: ") and said.err.count("\n") == 1
    assert message in said.err


def test_an_internal_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(options: Options) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("pytcg.machine.machine.Machine", broken)
    assert main([]) == 1
    assert capsys.readouterr().err == "pytcg-system: internal error: KeyError: 'oops'\n"


@pytest.mark.parametrize("spelling", ["-version", "--version"])
def test_the_version_is_what_tools_parse(capsys: pytest.CaptureFixture[str], spelling: str) -> None:
    assert main([spelling]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line == f"QEMU emulator version 9.2.0 (pytcg {__version__})"
    assert re.fullmatch(r"\d+\.\d+\.\d+", line.split()[3])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-h", ("usage: pytcg-system", "-kernel FILE")),
        ("-M help", ("virt", "riscv64")),
        ("-cpu help", ("rv64", "zba")),
        ("-d help", ("in_asm",)),
        ("-device help", ("loader,file=",)),
        ("-accel help", ("tcg",)),
    ],
)
def test_questions_are_answered(line: str, words: tuple[str, ...]) -> None:
    with pytest.raises(Answer) as answer:
        options(line)
    assert all(word in str(answer.value) for word in words)


def test_every_option_is_in_help_once() -> None:
    names = [name for group in TABLE.values() for option in group for name in option.names]
    assert len(names) == len(set(names))
    with pytest.raises(Answer) as answer:
        options("--help")
    page = str(answer.value)
    assert all(option.spelling in page and option.help for option in OPTIONS)
    assert max(map(len, page.splitlines())) <= 120


def test_mistakes_are_machine_errors() -> None:
    with pytest.raises(MachineError):
        options("-nonsense")
