"""What a guest has flushed is safe, and what the host cannot write is an I/O error to it."""

from __future__ import annotations

import resource
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.guestprogram import build
from tests.system.guests import PATIENCE, PYTCG

PROGRAMS = Path(__file__).parent / "programs"
SECTOR = 512
SECTORS = 1 << 22
#: from this sector on the host has no room. It has for code memory, which is a file to it, too
FULL = 1 << 21
TURNS = 20
#: seconds that a guest is left to write
LONGEST = 0.6


def clear(disk: Path) -> None:
    """An empty disk, which takes no room."""
    with disk.open("wb") as file:
        file.truncate(SECTORS * SECTOR)


def command(folder: Path, first: int, count: int) -> list[str]:
    """pytcg with a guest that writes `count` sectors to a disk in `folder`."""
    macros = (f"FIRST={first}", f"COUNT={count}")
    program = build(PROGRAMS / "numbered_sectors.c", PROGRAMS / "memory.ld", folder, macros)
    disk = folder / "disk.img"
    clear(disk)
    drive = ("-drive", f"file={disk},if=none,format=raw,id=x0")
    device = ("-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.7")
    return [*PYTCG, "-m", "16M", "-bios", "none", "-kernel", str(program), *drive, *device]


def answers(console: bytes) -> Iterator[tuple[int, int, int]]:
    """Number, status of the write, status of the flush, of each sector whose line is whole."""
    for line in console.split(b"\n")[:-1]:
        number, write, flush = map(int, line.split())
        yield number, write, flush


def sector(number: int) -> bytes:
    """What the guest writes."""
    return struct.pack("<64Q", *(number << 8 | word for word in range(64)))


@pytest.mark.slow
def test_what_was_flushed_outlives_a_kill(tmp_path: Path) -> None:
    line, random = command(tmp_path, 0, SECTORS), Random(5)
    flushed = 0
    for _ in range(TURNS):
        clear(tmp_path / "disk.img")
        with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            assert process.stdout
            console = process.stdout.readline()
            time.sleep(random.uniform(0, LONGEST))
            process.kill()
            console += process.stdout.read()
        with (tmp_path / "disk.img").open("rb") as disk:
            for number, write, flush in answers(console):
                assert (write, flush) == (0, 0)
                disk.seek(number * SECTOR)
                assert disk.read(SECTOR) == sector(number)
                flushed += 1
    assert flushed >= TURNS


def limit_files() -> None:
    """Let this process make no file longer: as on a host that is full, a write fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL * SECTOR, resource.RLIM_INFINITY))


@pytest.mark.slow
def test_a_full_host_is_an_io_error(tmp_path: Path) -> None:
    first, count = FULL - 5, 10
    line = command(tmp_path, first, count)
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, preexec_fn=limit_files)
    assert list(answers(done.stdout)) == [(number, int(number >= FULL), 0) for number in range(first, first + count)]
    assert done.stderr == b"pytcg-system: a disk gives I/O errors to its guest: File too large\n"
    assert done.returncode == 0
