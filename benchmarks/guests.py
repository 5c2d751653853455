"""The images that both emulators run, and the command lines that run them."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

from benchmarks.cpio import initrd
from pytcg.machine.resources import CHECKOUT, resource

RAM_MIB = 1024
SOURCES = Path(__file__).resolve().parent / "guest"
BUILD = CHECKOUT / "build" / "bench"
#: the programs under guest/ as an ELF file for Linux, and packed as an initrd
PROGRAM, INITRD = BUILD / "bench", BUILD / "bench.cpio.gz"
FIRMWARE = resource("firmware", "images", "riscv64", "sbi.bin")
DEMO = resource("firmware", "images", "riscv64", "demo.Image")
DEBIAN_KERNEL = CHECKOUT / "guests" / "riscv64" / "linux"
DEBIAN_INITRD = CHECKOUT / "guests" / "riscv64" / "initrd.gz"

#: name -> the words before the machine's options
EMULATORS = {"pytcg": [sys.executable, "-m", "pytcg"], "qemu": ["qemu-system-riscv64"]}
# One -O level only: the toolchain builds its C library anew for each.
COMPILE = ["-target", "riscv64-linux-musl", "-O2", "-g0", "-std=gnu17", "-static", "-s", "-fno-sanitize=undefined"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
#: lui t0, 0x10000; addi t1, zero, 'G'; sb t1, 0(t0); j .      says "G" on the serial line and stays there
FIRST_WORDS = struct.pack("<4I", 0x100002B7, 0x04700313, 0x00628023, 0x0000006F)


def machine(emulator: str, *options: str, firmware: Path = FIRMWARE, ram_mib: int = RAM_MIB) -> list[str]:
    """The command that boots a `virt` machine on one hart."""
    words = ["-M", "virt", "-m", f"{ram_mib}M", "-nographic", "-bios", str(firmware)]
    return [*EMULATORS[emulator], *words, *options]


def linux(emulator: str, initial: Path, arguments: str, *options: str) -> list[str]:
    """The command that boots Debian's kernel with an initrd."""
    words = ["-kernel", str(DEBIAN_KERNEL), "-initrd", str(initial), "-append", f"console=ttyS0 {arguments}"]
    return machine(emulator, *words, *options)


def demo(emulator: str) -> list[str]:
    """The command that boots the demo kernel."""
    return machine(emulator, "-kernel", str(DEMO))


def first_words(emulator: str) -> list[str]:
    """The command that runs FIRST_WORDS and nothing else."""
    BUILD.mkdir(parents=True, exist_ok=True)
    image = BUILD / "first.bin"
    image.write_bytes(FIRST_WORDS)
    return machine(emulator, firmware=image, ram_mib=128)


def benchmark_initrd() -> Path:
    """The initrd of the programs under guest/, built if a source is newer. Exits where the toolchain fails."""
    sources = sorted(SOURCES.glob("*.c"))
    newest = max(path.stat().st_mtime for path in (*SOURCES.iterdir(), Path(__file__)))
    if INITRD.exists() and INITRD.stat().st_mtime > newest:
        return INITRD
    BUILD.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ziglang", "cc", *COMPILE, *WARNINGS, *map(str, sources), "-o", str(PROGRAM)]
    print("building the benchmark initrd (the first time takes a minute or two)", file=sys.stderr)
    if subprocess.run(command, check=False).returncode:
        sys.exit("benchmarks: the guest programs could not be built (make setup installs the toolchain)")
    INITRD.write_bytes(initrd(PROGRAM))
    return INITRD
