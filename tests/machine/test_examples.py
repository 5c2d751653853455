"""The device and the board of docs/examples in a machine; files that hold no device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytcg.devices import base
from pytcg.devices.catalogue import model_for
from pytcg.machine.errors import MachineError
from pytcg.machine.machine import Machine
from pytcg.machine.options import Options
from tests.machine.fakes import Factory, FakeCpu

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TEST, PLIC, COUNTDOWN = 0x100000, 0xC000000, 0x10200000
PASS = 0x5555
SOURCE = 12
MEIP = 1 << 11
COUNT, STATUS, ENABLE = COUNTDOWN, COUNTDOWN + 4, COUNTDOWN + 8


@pytest.fixture(autouse=True)
def _forget_models() -> Iterator[None]:
    model_for(())  # loads pytcg's own
    before = dict(base.MODELS)
    yield
    base.MODELS.clear()
    base.MODELS.update(before)


def wait_for_line(cpu: FakeCpu, level: bool) -> bool:
    until = time.monotonic() + 5
    while bool(cpu.lines & MEIP) != level and time.monotonic() < until:
        time.sleep(0.001)
    return bool(cpu.lines & MEIP) == level


def test_the_example_counts_down_and_interrupts(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[object] = []

    def program(cpu: FakeCpu) -> None:
        cpu.write(PLIC + 4 * SOURCE, 1)
        cpu.write(PLIC + 0x2000, 1 << SOURCE)
        cpu.write(ENABLE, 1)
        cpu.write(COUNT, 1_000_000)
        seen.append(0 < cpu.read(COUNT) <= 1_000_000)
        cpu.write(COUNT, 5)
        seen.append(wait_for_line(cpu, True))
        seen.append((cpu.read(COUNT), cpu.read(STATUS)))
        cpu.write(STATUS, 1)
        seen.append(cpu.read(PLIC + 0x200004))
        seen.append(wait_for_line(cpu, False))
        cpu.write(TEST, PASS)

    options = Options(board=str(EXAMPLES / "countdown.dts"), device_paths=(EXAMPLES / "countdown.py",), serials=())
    assert Machine(options, Factory(program)).run() == 0
    assert seen == [True, True, (0, 1), SOURCE, True]
    assert not caplog.messages


def test_without_the_model_the_node_reads_as_zero_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    def program(cpu: FakeCpu) -> None:
        cpu.write(COUNT, 7)
        seen.append(cpu.read(COUNT))
        cpu.write(TEST, PASS)

    options = Options(board=str(EXAMPLES / "countdown.dts"), serials=())
    assert Machine(options, Factory(program)).run() == 0
    assert seen == [0]
    assert caplog.messages == ["no model of /soc/countdown@10200000 (example,countdown): it reads as zero"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.py", None, "cannot read {path}: No such file or directory"),
        ("a.py", "x = 1", "{path}: defines no device"),
        ("a.py", "x = (\n", "{path}: line 1: '(' was never closed"),
        ("a.py", "import nothing_of_that_name", "{path}: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("a.py", "from pytcg.devices.clint import Clint", "{path}: defines no device"),
        ("a.txt", "x = 1", "{path}: not a Python file"),
    ],
)
def test_files_without_a_device(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(MachineError) as raised:
        Machine(Options(device_paths=(path,), serials=()), Factory())
    assert str(raised.value).startswith(message.format(path=path))
    assert "\n" not in str(raised.value)
