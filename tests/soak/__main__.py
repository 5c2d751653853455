"""A Linux of two vCPUs under load: `python -m tests.soak --minutes N [--smp 2] [--tb-size 1]`.

Processes fork, send through pipes, make code and move pages, and check all that they get; the small code memory has
all translations dropped again and again. Debian's kernel is from `make guests`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.cpio import initrd
from benchmarks.guests import COMPILE, DEBIAN_KERNEL, WARNINGS

SOURCE = Path(__file__).with_name("load.c")
#: what the kernel says of trouble that the load does not notice
TROUBLE = ("BUG:", "Oops", "rcu: INFO", "soft lockup", "Kernel panic", "load: failed")
PASSED = "load: passed"
#: seconds that start and end may take
PATIENCE = 300


def build(folder: Path) -> Path:
    """The initrd of the load."""
    program = folder / "load"
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *COMPILE, *WARNINGS, str(SOURCE), "-o", str(program)], check=True
    )
    packed = folder / "load.cpio.gz"
    packed.write_bytes(initrd(program))
    return packed


def load(minutes: float, smp: int = 2, tb_size: int = 1, processes: int = 4) -> list[str]:
    """Run; the lines that tell of trouble, none if all went well."""
    with tempfile.TemporaryDirectory() as name:
        arguments = f"console=ttyS0 quiet rdinit=/load -- {minutes * 60:.0f} {processes}"
        command = [
            *(
                sys.executable,
                "-m",
                "pytcg",
                "-M",
                "virt",
                "-m",
                "512M",
                "-smp",
                str(smp),
                "-nographic",
                "-no-reboot",
                "--stats",
            ),
            *("-accel", f"tcg,tb-size={tb_size}", "-kernel", str(DEBIAN_KERNEL)),
            *("-initrd", str(build(Path(name))), "-append", arguments),
        ]
        trouble = []
        passed = False
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                print(line, end="", flush=True)
                passed |= PASSED in line
                if any(word in line for word in TROUBLE):
                    trouble.append(line.strip())
            status = process.wait(PATIENCE)
    if status:
        trouble.append(f"pytcg ended with status {status}")
    if not passed:
        trouble.append("the load did not come to its end")
    return trouble


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--tb-size", type=int, default=1, help="MiB of code memory")
    parser.add_argument("--processes", type=int, default=4)
    options = parser.parse_args()
    if not DEBIAN_KERNEL.is_file():
        print("soak: no Debian kernel under guests/riscv64: run `make guests`", file=sys.stderr)
        return 1
    trouble = load(options.minutes, options.smp, options.tb_size, options.processes)
    for line in trouble:
        print(f"soak: {line}", file=sys.stderr)
    return bool(trouble)


if __name__ == "__main__":
    sys.exit(main())
