"""Builds the guest programs of this folder, to the same bytes each time.

    python firmware/build.py [--out DIR]        (default: firmware/images)

The compiler is the `ziglang` wheel of the version that toolchain.txt pins, in the Python that runs this.
"""

import argparse
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ELF_SEGMENTS = struct.Struct("<32xQ14xHH")  # of the file header: e_phoff, e_phentsize, e_phnum
ELF_SEGMENT = struct.Struct("<IIQQQQQQ")  # type, flags, offset, vaddr, paddr, filesz, memsz, align
PT_LOAD = 1


@dataclass(frozen=True)
class Program:
    """One program: its folder, the linker script there, the name of its image, and its instruction set."""

    folder: str
    script: str
    image: str
    cpu: str

    @property
    def sources(self) -> list[str]:
        """Paths relative to HERE, in one order."""
        found = [path for folder in (self.folder, "common") for path in (HERE / folder).iterdir()]
        return sorted(path.relative_to(HERE).as_posix() for path in found if path.suffix in (".c", ".S"))


TARGET = "riscv64"
PROGRAMS = [
    Program("sbi", "sbi/sbi.lds", "sbi.bin", "generic_rv64+m+a+zicsr+zifencei"),
    Program("demo", "demo/demo.lds", "demo.Image", "generic_rv64+m+a+c+zicsr+zifencei"),
]
COMPILE = [
    *("-O2", "-g0", "-std=gnu17", "-ffreestanding", "-fno-sanitize=undefined", "-fno-stack-protector", "-fno-builtin"),
    *("-fno-pic", "-mcmodel=medany", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-fomit-frame-pointer"),
    *("-Wall", "-Wextra", "-Werror", f"-ffile-prefix-map={HERE}=firmware"),
]
LINK = ["-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,--gc-sections", "-Wl,-z,norelro"]


def check_toolchain() -> None:
    """Exits with one line where the pinned compiler is not installed."""
    pinned = (HERE / "toolchain.txt").read_text().strip()
    name, _, wanted = pinned.partition("==")
    try:
        found = version(name)
    except PackageNotFoundError:
        found = "none"
    if found != wanted:
        sys.exit(f"firmware/build.py: needs {pinned}, found {found}: pip install {pinned}")


def flatten(elf: bytes) -> bytes:
    """The loadable segments of a 64-bit little-endian ELF as one run of bytes from the lowest physical address."""
    table, size, count = ELF_SEGMENTS.unpack_from(elf)
    segments = [ELF_SEGMENT.unpack_from(elf, table + size * i) for i in range(count)]
    loads = [
        (paddr, elf[offset : offset + filesz])
        for kind, _, offset, _, paddr, filesz, _, _ in segments
        if kind == PT_LOAD and filesz
    ]
    base = min(paddr for paddr, _ in loads)
    image = bytearray(max(paddr + len(data) for paddr, data in loads) - base)
    for paddr, data in loads:
        image[paddr - base : paddr - base + len(data)] = data
    return bytes(image)


def build(program: Program, out: Path) -> None:
    """Compiles and links one program to `out`: the image, and beside it the ELF with symbols."""
    elf = out / f"{Path(program.image).stem}.elf"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", f"{TARGET}-freestanding-none", f"-mcpu={program.cpu}"]
    with tempfile.TemporaryDirectory() as scratch:
        linked = Path(scratch) / elf.name
        command = [*zig, "-mabi=lp64", *COMPILE, *LINK, "-T", program.script, *program.sources, "-o", str(linked)]
        if subprocess.run(command, cwd=HERE).returncode:
            sys.exit(f"firmware/build.py: {program.folder} could not be built")
        data = linked.read_bytes()
    elf.write_bytes(data)
    (out / program.image).write_bytes(flatten(data))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "images", help="folder of the images")
    out = parser.parse_args().out / TARGET
    check_toolchain()
    out.mkdir(parents=True, exist_ok=True)
    for program in PROGRAMS:
        build(program, out)
        print(f"{out / program.image}: {(out / program.image).stat().st_size} bytes")


if __name__ == "__main__":
    main()
