"""A disk image, by the virtio driver of U-Boot, through both interfaces; U-Boot as the kernel."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from pathlib import Path
from random import Random

import pytest

from benchmarks.console import console
from tests.system.guests import GUESTS, PATIENCE, PYTCG, needs

SIZE = 16 << 20
#: number of the last sector
LAST = SIZE // 512 - 1
#: what is written at once: bytes, from which sector on, and where it is and goes to in memory
MUCH, FIRST, SOURCE, TARGET = 100 << 20, 0x1000, 0x84000000, 0x8C000000
MODERN = ("-global", "virtio-mmio.force-legacy=false")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An ext4 image with one file."""
    if not shutil.which("mkfs.ext4"):
        pytest.skip("not run: mkfs.ext4 (e2fsprogs) is not installed")
    files = tmp_path / "files"
    files.mkdir()
    (files / "hello.txt").write_text("hello from the host\n")
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^metadata_csum", "-d", str(files), str(image)], check=True)
    return image


@pytest.mark.slow
@needs("u-boot.bin")
@pytest.mark.parametrize("interface", [(), MODERN], ids=["legacy", "modern"])
def test_u_boot_reads_and_writes_a_disk(disk: Path, interface: tuple[str, ...]) -> None:
    drive = ("-drive", f"file={disk},if=none,format=raw,id=x0")
    device = ("-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0")
    options = ("-m", "256M", "-kernel", str(GUESTS / "u-boot.bin"), *drive, *device, *interface)
    with console([*PYTCG, *options], PATIENCE) as terminal:
        terminal.expect("Hit any key to stop autoboot")
        terminal.type(" ")
        for command, answer in (
            ("version", "U-Boot 20"),
            ("bdinfo", r"memory\[0\]\s+\[0x80000000-0x8fffffff\]"),
            ("virtio scan", ""),
            ("virtio info", r"Device 0: QEMU VirtIO Block Device[^=]*Capacity: 16.0 MB"),
            ("ls virtio 0:0", "20 hello.txt"),
            ("ext4load virtio 0:0 0x82000000 hello.txt", "20 bytes read"),
            ("md.b 0x82000000 5", "68 65 6c 6c 6f"),
            (f"virtio write 0x82000000 {LAST:#x} 1", "1 blocks written: OK"),
        ):
            terminal.expect("=> ")
            terminal.type(f"{command}\r")
            terminal.expect(answer)
        terminal.expect("=> ")
        terminal.type("poweroff\r")
        assert terminal.status() == 0
    assert disk.read_bytes()[LAST * 512 :].startswith(b"hello from the host\n")


@pytest.mark.slow
@needs("u-boot.bin")
@pytest.mark.parametrize("interface", [(), MODERN], ids=["legacy", "modern"])
def test_much_that_was_written_is_there_after_a_reset(tmp_path: Path, interface: tuple[str, ...]) -> None:
    image, data = tmp_path / "disk.img", tmp_path / "data"
    contents = Random(1).randbytes(MUCH)
    data.write_bytes(contents)
    with image.open("wb") as file:
        file.truncate(2 * MUCH)
    drive = ("-drive", f"file={image},if=none,format=raw,id=x0", "-device", "virtio-blk-device,drive=x0")
    loader = ("-device", f"loader,file={data},addr={SOURCE:#x},force-raw=on")
    options = ("-m", "512M", "-kernel", str(GUESTS / "u-boot.bin"), *drive, *loader, *interface)
    where, checksum = f"{FIRST:#x} {MUCH // 512:#x}", f"==> {zlib.crc32(contents):08x}"
    with console([*PYTCG, *options], PATIENCE) as terminal:
        for commands in (
            ((f"virtio write {SOURCE:#x} {where}", "blocks written: OK"), ("reset", "")),
            ((f"virtio read {TARGET:#x} {where}", "blocks read: OK"), (f"crc32 {TARGET:#x} {MUCH:#x}", checksum)),
        ):
            terminal.expect("Hit any key to stop autoboot")
            terminal.type(" ")
            for command, answer in (("virtio scan", ""), *commands):
                terminal.expect("=> ")
                terminal.type(f"{command}\r")
                terminal.expect(answer)
        terminal.expect("=> ")
        terminal.type("poweroff\r")
        assert terminal.status() == 0
    with image.open("rb") as file:
        file.seek(FIRST * 512)
        assert file.read(MUCH) == contents
