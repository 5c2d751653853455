"""Whole machines with vCPUs that are faked: what is built, how it is wired, how it starts and ends."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pytcg.machine.errors import MachineError
from pytcg.machine.machine import Machine
from pytcg.machine.options import Accelerator, Options
from pytcg.machine.tree import TreeError
from pytcg.softmmu.regions import Io
from tests.machine.fakes import Factory, FakeCpu, Program, idle

TEST, CLINT, PLIC, UART = 0x100000, 0x2000000, 0xC000000, 0x10000000
PASS, FAIL, RESET = 0x5555, 0x3333, 0x7777
RAM, ROM = 0x80000000, 0x1000

TINY = """
/dts-v1/;
/ {
    #address-cells = <1>; #size-cells = <1>;
    cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { device_type = "cpu"; reg = <0>; }; };
    memory@40000000 { device_type = "memory"; reg = <0x40000000 0x1000000>; };
    toaster@100 { compatible = "acme,toaster"; reg = <0x100 0x100>; %s };
};
"""


@pytest.fixture
def firmware(tmp_path: Path) -> str:
    path = tmp_path / "firmware"
    path.write_bytes(b"firmware")
    return str(path)


def machine(firmware: str, program: Program = idle, **options: Any) -> tuple[Machine, Factory]:
    factory = Factory(program)
    return Machine(Options(bios=firmware, serials=(), **options), factory), factory


def test_every_node_of_the_board_has_a_model(firmware: str, caplog: pytest.LogCaptureFixture) -> None:
    built, _ = machine(firmware)
    assert not caplog.records
    assert {region.base for region in built.memory if isinstance(region, Io)} >= {TEST, CLINT, PLIC, UART, 0x10008000}


def test_memory_holds_what_the_boot_loader_put_there(firmware: str) -> None:
    seen: list[bytes] = []

    def program(cpu: FakeCpu) -> None:
        seen.extend(cpu.read(at, 8).to_bytes(8, "little") for at in (RAM, ROM))
        cpu.write(TEST, PASS)

    built, factory = machine(firmware, program)
    assert built.run() == 0
    assert seen == [b"firmware", bytes.fromhex("9702000013868202")]
    assert factory.cpus[0].resets == [ROM]
    assert factory.cpus[0].join(0)


def test_interrupts_reach_the_cpus(firmware: str) -> None:
    lines: list[int] = []

    def program(cpu: FakeCpu) -> None:
        cpu.write(CLINT + 4, 1)
        cpu.write(PLIC + 4 * 10, 1)
        cpu.write(PLIC + 0x2000 + 0x80 * 3, 1 << 10)
        cpu.write(UART + 1, 2, size=1)
        lines.extend(one.lines for one in factory.cpus)
        cpu.write(TEST, PASS)

    built, factory = machine(firmware, program, cpus=2)
    assert built.run() == 0
    assert lines[1] == 1 << 3 | 1 << 9
    assert not lines[0] & (1 << 3 | 1 << 9 | 1 << 11)


@pytest.mark.parametrize(("value", "status"), [(PASS, 0), (FAIL | 7 << 16, 7)])
def test_the_guest_ends_the_run_with_a_status(firmware: str, value: int, status: int) -> None:
    built, _ = machine(firmware, lambda cpu: cpu.write(TEST, value))
    assert built.run() == status


def test_a_reset_starts_the_machine_afresh(firmware: str) -> None:
    def program(cpu: FakeCpu) -> None:
        cpu.write(RAM, 0)
        cpu.write(CLINT, 1)
        cpu.write(TEST, RESET)
        while len(cpu.resets) < 2:
            cpu.stopped.wait(0.001)
        assert cpu.read(RAM, 8).to_bytes(8, "little") == b"firmware"
        assert cpu.read(CLINT) == 0
        cpu.write(TEST, PASS)

    built, factory = machine(firmware, program)
    assert built.run() == 0
    assert factory.cpus[0].resets == [ROM, ROM]
    assert factory.flushes == 2


def test_a_reset_does_not_read_a_file_that_was_cut_short(firmware: str) -> None:
    def program(cpu: FakeCpu) -> None:
        os.truncate(firmware, 3)
        cpu.write(TEST, RESET)

    built, _ = machine(firmware, program)
    with pytest.raises(MachineError, match=r"^the firmware .* was changed while the machine ran"):
        built.run()


def test_no_reboot_ends_the_run_at_a_reset(firmware: str) -> None:
    built, factory = machine(firmware, lambda cpu: cpu.write(TEST, RESET), no_reboot=True)
    assert built.run() == 0
    assert factory.cpus[0].resets == [ROM]


def test_no_shutdown_stays_after_power_off(firmware: str) -> None:
    def program(cpu: FakeCpu) -> None:
        cpu.write(TEST, FAIL | 5 << 16)
        assert cpu.stopped.wait(1)
        built.quit(3)

    built, _ = machine(firmware, program, no_shutdown=True)
    assert built.run() == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_run_with_status_0(
    firmware: str, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    built, _ = machine(firmware, lambda cpu: os.kill(os.getpid(), number) or idle(cpu))
    assert built.run() == 0
    assert caplog.messages == [f"terminating on signal {number.value}"]
    assert not built.hung


def test_a_vcpu_that_does_not_end_is_told(firmware: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytcg.machine.machine.PATIENCE", 0.01)

    def program(cpu: FakeCpu) -> None:
        cpu.write(TEST, PASS)
        time.sleep(0.3)

    built, _ = machine(firmware, program)
    assert built.run() == 0
    assert built.hung


def test_a_failure_inside_a_vcpu_is_one_line(firmware: str) -> None:
    built, _ = machine(firmware, lambda cpu: cpu.write(0x4, 0))
    with pytest.raises(MachineError, match="internal error: BusError: no memory or device"):
        built.run()


def test_a_board_of_the_users_with_a_device_that_is_not_known(
    firmware: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = tmp_path / "toaster.dts"
    board.write_text(TINY % "")
    seen: list[int] = []

    def program(cpu: FakeCpu) -> None:
        cpu.write(0x104, 5)
        seen.append(cpu.read(0x104))
        built.quit(0)

    with caplog.at_level(logging.WARNING):
        built, factory = machine(firmware, program, board=str(board))
    assert caplog.messages == ["no model of /toaster@100 (acme,toaster): it reads as zero"]
    assert built.run() == 0
    assert seen == [0]
    assert factory.cpus[0].resets == [0x40E00000 - 0x1000]


def test_devices_that_overlap(firmware: str, tmp_path: Path) -> None:
    board = tmp_path / "toaster.dts"
    board.write_text(TINY % '}; kettle@180 { compatible = "acme,kettle"; reg = <0x180 0x10>;')
    with pytest.raises(MachineError, match=r"/kettle@180.* overlaps .*/toaster@100"):
        machine(firmware, board=str(board))


def test_what_no_machine_can_be_built_from(firmware: str, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="-accel kvm is not there"):
        machine(firmware, accelerator=Accelerator("kvm"))
    with pytest.raises(MachineError, match=r"no room for|do not fit"):
        machine(firmware, memory=1 << 50)
    with pytest.raises(MachineError, match=r"cannot read device tree nowhere\.dtb"):
        machine(firmware, board="nowhere.dtb")
    empty = tmp_path / "empty.dts"
    empty.write_text("/dts-v1/; / { };")
    with pytest.raises(TreeError, match="no CPU"):
        machine(firmware, board=str(empty))


def test_the_report_is_that_of_the_processors(firmware: str) -> None:
    built, _ = machine(firmware, stats="json")
    assert built.report() == "json report"
