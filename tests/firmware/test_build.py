"""The committed images are what the sources give."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from ..conftest import FIRMWARE

NAMES = ["demo.Image", "demo.elf", "sbi.bin", "sbi.elf"]


@pytest.mark.slow
def test_rebuild_gives_the_committed_bytes(zig: list[str], images: Path, tmp_path: Path) -> None:
    """With an empty compiler cache, into another folder."""
    environment = os.environ | {f"ZIG_{kind}_CACHE_DIR": str(tmp_path / kind) for kind in ("GLOBAL", "LOCAL")}
    subprocess.run([sys.executable, FIRMWARE / "build.py", "--out", tmp_path], check=True, env=environment)
    assert sorted(path.name for path in images.iterdir()) == NAMES
    for name in NAMES:
        assert (tmp_path / "riscv64" / name).read_bytes() == (images / name).read_bytes(), name


def test_image_header(images: Path) -> None:
    """The fields of Linux's boot image header."""
    image = (images / "demo.Image").read_bytes()
    offset, size, flags, version = struct.unpack_from("<QQQI", image, 8)
    assert (offset, flags, version) == (0x200000, 0, 2)
    assert image[48:56] == b"RISCV\0\0\0"
    assert image[56:60] == b"RSC\x05"
    assert len(image) <= size <= 4 << 20
    with (images / "demo.elf").open("rb") as file:
        (symbol,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name("_image_size")
    assert symbol["st_value"] == size


@pytest.mark.parametrize("name", ["sbi", "demo"])
def test_segments_are_not_writable_and_executable(images: Path, name: str) -> None:
    """W^X holds in the demo kernel; the firmware runs without translation and is one segment at its reset address."""
    with (images / f"{name}.elf").open("rb") as file:
        segments = [s for s in ELFFile(file).iter_segments() if s["p_type"] == "PT_LOAD"]
    if name == "sbi":
        (only,) = segments
        assert only["p_paddr"] == 0x80000000
        assert only["p_memsz"] <= 0x80000
    else:
        assert all(s["p_flags"] & 3 != 3 for s in segments)


def test_images_hold_no_path_of_the_builder(images: Path) -> None:
    """Nothing of where they were built."""
    for name in NAMES:
        assert str(FIRMWARE.parent).encode() not in (images / name).read_bytes()
