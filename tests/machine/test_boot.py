"""Where the boot loader puts things, what the boot ROM says, and what does not fit."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from pytcg.machine.boot import riscv
from pytcg.machine.boot.files import Loaded, Payload, read_payload
from pytcg.machine.boot.image import Image
from pytcg.machine.boot.layout import Layout
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Loader, Options
from tests.machine.kernels import elf, image

MIB = 1 << 20
RAM = 0x80000000
ROM = 0x1000
KERNEL = Loaded("the kernel", Image("riscv64", 2 * MIB, bytes(8 * MIB), 9 * MIB))
FIRMWARE = Loaded("the firmware", bytes(64 << 10))


def place(payload: Payload, size: int = 128 * MIB, rom: int | None = ROM) -> tuple[Layout, int, tuple[int, ...]]:
    """The layout, the address of the first instruction, and the ten words in the boot ROM."""
    layout = Layout(RAM, RAM + size)
    start = riscv.place(payload, layout, rom, 0, lambda initrd: struct.pack("<QQ", *(initrd or (0, 0))))
    return layout, start, struct.unpack_from("<8Q", layout.pieces[-1].data, 24)


def where(layout: Layout) -> dict[str, int]:
    return {piece.name: piece.address for piece in layout.pieces}


def test_everything_lies_where_qemu_puts_it() -> None:
    layout, start, words = place(Payload("riscv64", FIRMWARE, KERNEL, bytes(MIB)))
    kernel, initrd, tree = RAM + 2 * MIB, RAM + 66 * MIB, RAM + 126 * MIB
    assert where(layout) == {
        "the firmware": RAM,
        "the kernel": kernel,
        "the initial RAM disk": initrd,
        "the device tree": tree,
        "the boot ROM": ROM,
    }
    assert start == ROM
    assert words == (RAM, tree, 0x4942534F, 2, kernel, 1, 0, 0)
    assert layout.pieces[3].data == struct.pack("<QQ", initrd, initrd + MIB)


def test_the_tree_lies_below_3_gib_and_the_initrd_at_most_512_mib_after_the_kernel() -> None:
    layout, _, _ = place(Payload("riscv64", FIRMWARE, KERNEL, b"x"), 4096 * MIB)
    assert where(layout)["the device tree"] == 0xC0000000 - 2 * MIB
    assert where(layout)["the initial RAM disk"] == RAM + 514 * MIB


def test_without_firmware_the_kernel_starts_first() -> None:
    _, _, words = place(Payload("riscv64", None, KERNEL))
    assert words[0] == RAM + 2 * MIB
    machine_mode = Loaded("the kernel", Image("riscv64", 0, bytes(16), 16))
    assert place(Payload("riscv64", None, machine_mode))[2][0] == RAM


def test_a_kernel_gives_way_to_a_large_firmware() -> None:
    large = Loaded("the firmware", bytes(3 * MIB))
    layout, _, words = place(Payload("riscv64", large, KERNEL))
    assert where(layout)["the kernel"] == words[4] == RAM + 4 * MIB


def test_the_firmware_starts_a_file_that_was_loaded_at_the_kernels_place() -> None:
    loader = Loaded("u-boot.bin", b"code", RAM + 2 * MIB)
    assert place(Payload("riscv64", FIRMWARE, None, b"", (loader,)))[2][4] == RAM + 2 * MIB
    elsewhere = loader._replace(address=RAM + 4 * MIB)
    assert place(Payload("riscv64", FIRMWARE, None, b"", (elsewhere,)))[2][4] == 0


def test_a_board_without_boot_rom_starts_below_the_tree() -> None:
    layout, start, words = place(Payload("riscv64", FIRMWARE, KERNEL), rom=None)
    assert start == where(layout)["the boot code"] == words[1] - 0x1000


@pytest.mark.parametrize(
    ("payload", "size", "message"),
    [
        (Payload("riscv64", FIRMWARE, KERNEL), 8 * MIB, "not enough memory: the kernel needs 9 MiB at 0x80200000"),
        (Payload("riscv64", FIRMWARE, KERNEL, bytes(MIB)), 16 * MIB, "the initial RAM disk .* overlaps the kernel"),
        (Payload("riscv64", FIRMWARE, KERNEL, bytes(64 * MIB)), 128 * MIB, "not enough memory: the initial RAM disk"),
        (
            Payload("riscv64", FIRMWARE, KERNEL, bytes(61 * MIB)),
            128 * MIB,
            "the device tree .* overlaps the initial RAM",
        ),
        (Payload("riscv64", FIRMWARE, None, b"", (Loaded("x", b"x"),)), 8 * MIB, "a raw file needs addr="),
        (
            Payload("riscv64", FIRMWARE, None, b"", (Loaded("x", b"x", 16),)),
            8 * MIB,
            "x belongs at 0x10, and memory is from",
        ),
    ],
)
def test_what_does_not_fit(payload: Payload, size: int, message: str) -> None:
    with pytest.raises(MachineError, match=message):
        place(payload, size)


@pytest.mark.skipif(
    not shutil.which("riscv64-linux-gnu-objdump"), reason="not run: binutils-riscv64-linux-gnu is absent"
)
def test_the_boot_roms_code(tmp_path: Path) -> None:
    file = tmp_path / "rom"
    file.write_bytes(riscv.boot_rom(0, 0, 0, 0)[:24])
    command = ["riscv64-linux-gnu-objdump", "-b", "binary", "-m", "riscv:rv64", "-D", "-M", "no-aliases", str(file)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    code = [" ".join(line.split("\t")[2:]).split("#")[0].strip() for line in text.splitlines() if line.count("\t") >= 2]
    assert code == [
        "auipc t0,0x0",
        "addi a2,t0,40",
        "csrrs a0,mhartid,zero",
        "ld a1,32(t0)",
        "ld t0,24(t0)",
        "jalr zero,0(t0)",
    ]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "Image").write_bytes(image())
    (tmp_path / "foreign").write_bytes(elf(machine=183))
    (tmp_path / "raw").write_bytes(b"\x13\0\0\0")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut").write_bytes(elf()[:70])
    return tmp_path


def test_the_guest_is_found_from_the_kernel_or_said(files: Path) -> None:
    assert read_payload(Options(kernel=files / "Image", bios="none")).arch == "riscv64"
    with pytest.raises(MachineError, match="foreign is for aarch64: there is only riscv64"):
        read_payload(Options(kernel=files / "foreign", bios="none"))
    with pytest.raises(MachineError, match="foreign is for aarch64, and the machine is riscv64"):
        read_payload(Options(kernel=files / "foreign", arch="riscv64", bios="none"))


def test_raw_code_is_for_bios_and_loader_only(files: Path) -> None:
    payload = read_payload(Options(bios=str(files / "raw"), loaders=(Loader(files / "Image", RAM, raw=True),)))
    assert payload.firmware and payload.firmware.code == b"\x13\0\0\0"
    assert payload.extra[0].code == image()
    with pytest.raises(MachineError, match="raw is not a kernel: it is neither"):
        read_payload(Options(kernel=files / "raw"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(kernel=Path("/nowhere/linux")), "cannot read kernel /nowhere/linux: No such file"),
        (Options(kernel=Path("/")), "cannot read kernel /: Is a directory"),
        (Options(bios="/nowhere/fw"), "cannot read firmware /nowhere/fw: No such file"),
        (Options(bios="none"), "nothing to start"),
        (Options(bios="empty"), "empty is an empty file"),
        (Options(bios="cut"), "cut is an ELF file cut short"),
        (Options(bios="raw", initrd=Path("raw")), "-initrd needs -kernel"),
        (Options(kernel=Path("Image"), initrd=Path("none")), "cannot read initial RAM disk none: No such file"),
    ],
)
def test_files_that_cannot_be_used(
    files: Path, monkeypatch: pytest.MonkeyPatch, options: Options, message: str
) -> None:
    monkeypatch.chdir(files)
    with pytest.raises(MachineError, match=message):
        read_payload(options)
