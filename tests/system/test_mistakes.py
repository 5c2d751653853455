"""Mistakes on the command line end with status 1 and one line on stderr."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from pytcg.cli.main import main
from tests.machine.kernels import X86_64, elf, image
from tests.system.guests import run

FILES = {
    "cut": image()[:-0x800],
    "foreign": elf(machine=X86_64),
    "cut.gz": gzip.compress(image())[:-20],
    "text.gz": gzip.compress(b"some text"),
    "empty": b"",
    "script": b"#!/bin/sh\n",
    "junk.dts": b"\x80\xa1\xff",
}
BOARD = "/dts-v1/; / { #address-cells = <2>; };"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of kernels that are none, and a board without memory."""
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "board.dts").write_text(BOARD)
    for name in ("pipe", "pipe.dts"):
        os.mkfifo(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-kernel {}/cut", "cut short"),
        ("-kernel {}/foreign", "x86"),
        ("-kernel {}/cut.gz", "a gzip file cut short"),
        ("-kernel {}/text.gz", "gzip of neither an Image nor an ELF executable"),
        ("-kernel {}/empty", "an empty file"),
        ("-kernel {}/script", "a script"),
        ("-kernel {}/none", "none"),
        ("-bios {}/none", "none"),
        ("-bios {}/empty", "is an empty file"),
        ("-bios none -initrd {}/empty", "nothing to start"),
        ("-dtb {}/empty", "{}/empty"),
        ("-M {}/board.dts", "the device tree has no CPU"),
        ("-M {}/junk.dts", "{}/junk.dts: neither a device tree's source"),
        ("-dtb {}/junk.dts", "{}/junk.dts: neither a device tree's source"),
        ("-M nosuch", "no riscv64 board nosuch"),
        ("-M {}/none.dts", "none.dts"),
        ("-nosuch", "-nosuch"),
        ("-m 1X", "1X"),
        ("-m 100T", "the host has no room for"),
        ("-smp 0", "0"),
        ("-cpu rv32", "rv32"),
        ("-cpu rv64,zbz=off", "zbz"),
        ("-cpu rv64,zba=perhaps", "perhaps"),
        ("-accel kvm", "-accel kvm is not there"),
        ("-accel tcg,backend=arm", "there is no backend 'arm'"),
        ("-d nosuch", "nosuch"),
        ("-d in_asm -D {}/none/log", "none/log"),
        ("-device loader,file={}/none,addr=0", "none"),
        ("-kernel {}/pipe", "cannot read kernel {}/pipe: nobody writes to that pipe"),
        ("-M {}/pipe.dts", "cannot read device tree {}/pipe.dts: nobody writes to that pipe"),
        ("-kernel /dev/zero", "cannot read kernel /dev/zero: it is not a file"),
        ("-fw_cfg opt/a,file={}/none", "{}/none: No such file"),
        ("-drive file={}/none,if=none,id=unused", "cannot open disk image {}/none: No such file"),
        ("-drive file={}/pipe,if=none,id=unused", "{}/pipe is no disk image: it is neither a file nor a block device"),
        ("-pflash {}/empty", "a flash image of 0 bytes"),
        ("-d in_asm -D {}/pipe", "cannot write the log {}/pipe: No such device or address"),
        ("-pidfile {}/pipe", "cannot write the process number to {}/pipe: No such device or address"),
        ("-chardev file,id=a,path={}/pipe -serial chardev:a", "chardev a: cannot open {}/pipe: No such device"),
        ("-chardev file,id=a,path={}/none/b -serial chardev:a", "chardev a: cannot open {}/none/b: No such file"),
        ("-chardev null,id=a,logfile={}/none/b -serial chardev:a", "chardev a: cannot open {}/none/b: No such file"),
        ("-device loader,file={}/script,addr=0x1", "0x1"),
    ],
)
def test_a_mistake_is_one_line(files: Path, line: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(line.format(files).split()) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("pytcg-system: ") and err.count("\n") == 1
    assert said.format(files) in err
    assert "internal error" not in err


def test_a_process_ends_with_status_1(files: Path) -> None:
    done = run("-kernel", str(files / "cut"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
