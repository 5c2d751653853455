"""The images in qemu-system-riscv64, an emulator that is not ours."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

QEMU = shutil.which("qemu-system-riscv64")
needs_qemu = pytest.mark.skipif(QEMU is None, reason="not run: qemu-system-riscv64 is not installed")


def demo(images: Path, *options: str, firmware: str | None = None, typed: str = "") -> str:
    """The console of a run of the demo kernel that ends by itself with status 0."""
    assert QEMU
    bios = firmware or str(images / "sbi.bin")
    command = [QEMU, "-M", "virt", "-nographic", "-bios", bios, "-kernel", str(images / "demo.Image"), *options]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=True).stdout


def run(images: Path, script: str, *options: str, firmware: str | None = None) -> str:
    """The console of a run with commands in the kernel's arguments."""
    return demo(images, "-append", f'quiet demo.run="{script};poweroff"', *options, firmware=firmware)


@needs_qemu
def test_typed_ahead_input_and_line_editing(images: Path) -> None:
    """Commands that are there before the kernel is, backspace, Ctrl-U, history; a crash ends in a new prompt."""
    typed = "echo onf\x7fe\recho lost\x15echo two\rfault crash\r\x1b[A\x1b[A\x1b[A\x1b[B three\rpoweroff\r"
    lines = demo(images, typed=typed).splitlines()
    assert [line for line in lines if line in ("one", "lost", "two", "two three")] == ["one", "two", "two three"]
    assert "the command is ended" in lines


@needs_qemu
@pytest.mark.parametrize("cpu", ["rv64", "rv64,sstc=off,pmp=off", "rv64,priv_spec=v1.10.0"])
def test_commands_on_four_harts(images: Path, cpu: str) -> None:
    out = run(images, "cpus;mem;smp 5000;sleep 1;uptime;primes 100000;echo a  b", "-smp", "4", "-cpu", cpu)
    sstc = cpu == "rv64"
    assert f"4 harts, timer by {'stimecmp' if sstc else 'CLINT'}, next stage at 0x80200000 in S-mode" in out
    assert f"Sv39, timer by {'stimecmp' if sstc else 'SBI'}, console by interrupts" in out
    assert len(re.findall(r"cpu \d: stopped", out)) == 3
    assert re.search(r"mmode_resv@80000000 +80000000 \.\. +8007ffff", out)
    assert "3 CPUs added up to 15000 " in out
    assert "9592 primes up to 100000, the last is 99991" in out
    assert "\na b\n" in out
    up = re.search(r"up (\d+)\.\d+ s, (\d+) timer interrupts", out)
    assert up and int(up[1]) >= 1 and int(up[2]) >= 9


@needs_qemu
def test_faults_are_survived(images: Path) -> None:
    kinds = {"load": 13, "store": 15, "text": 15, "illegal": 2, "breakpoint": 3, "fetch": 12}
    out = run(images, ";".join(f"fault {kind}" for kind in kinds))
    assert [int(cause) for cause in re.findall(r"scause (\d+)", out)] == list(kinds.values())
    assert out.count("survived") == len(kinds)


@needs_qemu
def test_runs_on_another_firmware(images: Path) -> None:
    assert "5 primes up to 11, the last is 11" in run(images, "primes 11", firmware="default")


@needs_qemu
def test_reboot(images: Path) -> None:
    assert "pytcg demo kernel" in demo(images, "-append", "run=reboot", "-no-reboot")


@needs_qemu
@pytest.mark.slow
def test_bench_checksums_are_the_hosts(images: Path, bench_checksums: dict[str, str]) -> None:
    """The loops compute the same in the guest and as host code."""
    assert dict(re.findall(r"bench (\w+) +\d+ ms +checksum (\w+)", run(images, "bench"))) == bench_checksums


@needs_qemu
def test_missing_kernel_is_said(images: Path) -> None:
    assert QEMU
    with subprocess.Popen(
        [QEMU, "-M", "virt", "-nographic", "-bios", str(images / "sbi.bin"), "-monitor", "none"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        try:
            assert process.stdout.readline().strip() == ""
            assert "next stage missing: no kernel was given; waiting" in process.stdout.readline()
            assert process.poll() is None
        finally:
            process.kill()
