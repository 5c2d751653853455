"""The kernel of this folder, its programs and its disk, built by the compiler that builds the firmware."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

from firmware.build import COMPILE, LINK, flatten

HERE = Path(__file__).parent
ISA = "generic_rv64+m+a+c+zicsr+zifencei"
COMPILER = [*("-m", "ziglang", "cc", "-target", "riscv64-freestanding-none"), f"-mcpu={ISA}", "-mabi=lp64"]
BLOCK, BLOCKS = 1024, 400
DIRECTORY, ACCOUNTS, PROGRAMS = 1, range(40, 48), 200
ACCOUNT = 1000
ENTRY = struct.Struct("<16sII")


def compiled(target: Path, script: str, sources: list[Path], macros: tuple[str, ...] = ()) -> Path:
    """Compile and link `sources` to an ELF file."""
    defined = [f"-D{macro}" for macro in macros]
    options = [*COMPILER, *COMPILE, *LINK, *defined, "-T", str(HERE / script), "-o", str(target)]
    subprocess.run([sys.executable, *options, *map(str, sources)], check=True, timeout=300)
    return target


def kernel(folder: Path, macros: tuple[str, ...]) -> Path:
    """The kernel's ELF file."""
    sources = sorted(path for path in (HERE / "kernel").iterdir() if path.suffix in (".c", ".S"))
    return compiled(folder / "-".join(("kernel", *macros)), "kernel/kernel.lds", sources, macros)


def programs(folder: Path) -> dict[str, bytes]:
    """The programs as they are loaded, by name."""
    user = HERE / "user"
    made = {"init": compiled(folder / "init", "user/user.lds", [user / "init.c", user / "faults.c"])}
    for name, result in (("one", 1), ("two", 20)):
        made[name] = compiled(folder / name, "user/user.lds", [user / "one.c"], (f"RESULT={result}",))
    return {name: flatten(path.read_bytes()) for name, path in made.items()}


def disk(path: Path, files: dict[str, bytes]) -> Path:
    """A raw disk: an empty journal, the accounts, a directory and the programs."""
    image, directory, place = bytearray(BLOCK * BLOCKS), b"", PROGRAMS
    for name, data in files.items():
        directory += ENTRY.pack(name.encode(), place, len(data))
        image[BLOCK * place : BLOCK * place + len(data)] = data
        place += -(-len(data) // BLOCK)
    image[BLOCK * DIRECTORY : BLOCK * DIRECTORY + len(directory)] = directory
    for account in ACCOUNTS:
        struct.pack_into("<q", image, BLOCK * account, ACCOUNT)
    path.write_bytes(image)
    return path


def options(kernel: Path, disk: Path, legacy: bool) -> list[str]:
    """The command line that such kernels come with."""
    interface = [] if legacy else ["-global", "virtio-mmio.force-legacy=false"]
    drive = ["-drive", f"file={disk},if=none,format=raw,id=x0"]
    device = ["-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0"]
    machine = ["-machine", "virt", "-bios", "none", "-kernel", str(kernel), "-m", "128M", "-smp", "3", "-nographic"]
    return [*machine, *interface, *drive, *device]
