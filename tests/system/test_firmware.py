"""Firmware of others in M-mode: OpenSBI, with the demo kernel or U-Boot after it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from benchmarks.console import console
from tests.system.guests import GUESTS, PATIENCE, PYTCG, demo, needs

LINUX_START = "0x80200000"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs(name)) for name in ("fw_dynamic.bin", "opensbi-trixie/fw_dynamic.bin")]
)
def test_opensbi_starts_the_demo_kernel(name: str) -> None:
    kernel = str(GUESTS.parents[1] / "firmware" / "images" / "riscv64" / "demo.Image")
    out = demo("echo a b;poweroff", "-bios", str(GUESTS / name), "-kernel", kernel)
    assert "OpenSBI v1." in out
    assert re.search(r"Firmware Base +: 0x80000000\s", out)
    assert "pytcg demo kernel: hart 0, Sv39" in out
    assert "\na b\n" in out.replace("\r", "")


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
@needs("u-boot.bin")
def test_our_firmware_starts_u_boot() -> None:
    loader = f"loader,file={GUESTS / 'u-boot.bin'},addr={LINUX_START}"
    with console([*PYTCG, "-m", "256M", "-device", loader], PATIENCE) as terminal:
        terminal.expect("U-Boot 20")
        terminal.expect("Hit any key to stop autoboot")
        terminal.type(" ")
        terminal.expect("=> ")
        terminal.type("version\r")
        terminal.expect("U-Boot 20")
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
