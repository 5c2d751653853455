"""Guest programs in assembly, built by the compiler that also builds the firmware, and run on machines."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
QEMU = shutil.which("qemu-system-riscv64")
CPU = "generic_rv64+m+a+f+d+c+zba+zbb+zbc+zbs+zicsr+zifencei+zicbom+zicboz+zicond+svinval"
#: C is compiled without a library, and so without checks that would call one
COMPILE = ("-O1", "-target", "riscv64-freestanding-none", f"-mcpu={CPU}", "-nostdlib", "-static", "-mcmodel=medany")
LINK = ("-Wl,--build-id=none", "-Wl,-z,norelro")
TIMEOUT = 60


def build(source: Path, script: Path, cache: Path, macros: tuple[str, ...] = ()) -> Path:
    """The ELF file of a source, with the headers beside it; remembered in `cache` by what it is made of."""
    sources = [source, script, *sorted(source.parent.glob("*.h"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + repr((macros, COMPILE, LINK)).encode())
    target = cache / f"{source.stem}-{digest.hexdigest()[:16]}.elf"
    if not target.exists():
        defined = [f"-D{macro}" for macro in macros]
        partial = target.with_suffix(f".{os.getpid()}")
        linked = (*LINK, f"-Wl,-T,{script}")
        command = [sys.executable, "-m", "ziglang", "cc", *COMPILE, *linked, *defined, "-o", str(partial), str(source)]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        partial.replace(target)
    return target


def run(*command: str, timeout: float = TIMEOUT) -> tuple[int, str]:
    """Exit status and output of a machine."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout + done.stderr


def pytcg(*arguments: str) -> tuple[int, str]:
    """Exit status and output of this emulator."""
    return run(sys.executable, "-m", "pytcg", *arguments)
