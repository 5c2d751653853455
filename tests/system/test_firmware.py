"""Firmware of others in M-mode: OpenSBI, with the demo kernel or U-Boot after it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks.console import console
from tests.system.guests import GUESTS, PATIENCE, PYTCG, demo, needs

LINUX_START = "0x80200000"
#: command lines that end at U-Boot's prompt
U_BOOT = {
    "by the loader": ("-device", f"loader,file=u-boot.bin,addr={LINUX_START}"),
    "as a kernel": ("-kernel", "u-boot.bin"),
    "as a kernel, ACLINT": ("-M", "virt,aclint=on", "-smp", "2", "-kernel", "u-boot.bin"),
    "after fw_dynamic": ("-smp", "2", "-bios", "fw_dynamic.bin", "-kernel", "u-boot.bin"),
    "after fw_jump": ("-bios", "fw_jump.bin", "-kernel", "u-boot.bin"),
    "as firmware": ("-bios", "u-boot-m.bin"),
}


@pytest.mark.parametrize("machine", ["virt", pytest.param("virt,aclint=on", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs(name))
        for name in ("fw_dynamic.bin", "fw_jump.bin", "opensbi-trixie/fw_dynamic.bin", "opensbi-trixie/fw_jump.bin")
    ],
)
def test_opensbi_starts_the_demo_kernel(name: str, machine: str) -> None:
    kernel = str(GUESTS.parents[1] / "firmware" / "images" / "riscv64" / "demo.Image")
    out = demo("echo a b;smp 1000;poweroff", "-M", machine, "-smp", "2", "-bios", str(GUESTS / name), "-kernel", kernel)
    assert "OpenSBI v1." in out
    assert re.search(r"Firmware Base +: 0x80000000\s", out)
    assert "pytcg demo kernel: hart " in out
    assert "\na b\n1 CPUs added up to 1000 " in out.replace("\r", "")


def test_our_firmware_on_the_host_target_interface() -> None:
    """Console both ways and power off on the board spike, which has nothing else for either."""
    command = [sys.executable, "-m", "pytcg", "-M", "spike", "-nographic"]
    with console(command, PATIENCE) as terminal:
        terminal.expect("pytcg> ")
        terminal.type("echo one two\r")
        terminal.expect("\none two")
        terminal.expect("pytcg> ")
        terminal.type("poweroff\r")
        assert terminal.status() == 0


@pytest.mark.slow
@needs("u-boot.bin", "u-boot-m.bin", "fw_dynamic.bin", "fw_jump.bin")
@pytest.mark.parametrize("way", U_BOOT.values(), ids=U_BOOT)
def test_u_boot_answers(way: tuple[str, ...], tmp_path: Path) -> None:
    """A key stops its countdown; it knows the board and finds a disk; it resets and powers off."""
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    disk = ["-drive", f"file={tmp_path / 'disk'},if=none,format=raw,id=disk", "-device", "virtio-blk-device,drive=disk"]
    options = [re.sub(r"([\w-]+\.bin)", rf"{GUESTS}/\1", option) for option in way]
    answers = {
        "version": "U-Boot 20",
        "bdinfo": "memory\\[0\\]\t\\[0x80000000-0x8fffffff\\]",
        "virtio scan": "",
        "virtio info": "Device 0: QEMU VirtIO Block Device",
        "fdt addr ${fdtcontroladdr}": "Working FDT set to",
        "fdt print /cpus": 'riscv,isa = "rv64imafdc',
    }
    with console([*PYTCG, "-m", "256M", *options, *disk], PATIENCE) as terminal:
        for _ in range(2):
            terminal.expect("Hit any key to stop autoboot")
            terminal.type(" ")
            terminal.expect("=> ")
            for command, answer in answers.items():
                terminal.type(f"{command}\r")
                terminal.expect(answer)
                terminal.expect("=> ")
            terminal.type("reset\r")
        terminal.expect("Hit any key to stop autoboot")
        terminal.type(" ")
        terminal.expect("=> ")
        terminal.type("poweroff\r")
        assert terminal.status() == 0


@pytest.mark.slow
@needs("RISCV_VIRT_CODE.fd", "RISCV_VIRT_VARS.fd")
def test_edk2_in_flash_reaches_its_shell(tmp_path: Path) -> None:
    variables = tmp_path / "vars.fd"
    variables.write_bytes((GUESTS / "RISCV_VIRT_VARS.fd").read_bytes())
    code = f"if=pflash,format=raw,unit=0,file={GUESTS / 'RISCV_VIRT_CODE.fd'},readonly=on"
    options = ("-m", "512M", "-drive", code, "-drive", f"if=pflash,format=raw,unit=1,file={variables}")
    with console([*PYTCG, *options], PATIENCE) as terminal:
        terminal.expect("UEFI Interactive Shell")
        terminal.expect("Shell> ")
        terminal.type("setvar pytcg -guid 00000000-0000-0000-0000-000000000001 -nv -bs =0x2a\r")
        terminal.expect("Shell> ")
        terminal.type("reset -s\r")
        assert terminal.status() == 0
    assert b"p\0y\0t\0c\0g\0" in variables.read_bytes(), "a variable is written back to its file"
