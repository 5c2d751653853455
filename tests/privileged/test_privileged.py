"""Guest programs for the privileged architecture: each ends with status 0 on every backend, and on QEMU if it can."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
QEMU = shutil.which("qemu-system-riscv64")
CPU = "generic_rv64+m+a+f+d+c+zba+zbb+zbc+zbs+zicsr+zifencei+zicbom+zicboz+zicond+svinval"
COMPILE = ("-target", "riscv64-freestanding-none", f"-mcpu={CPU}", "-nostdlib", "-static", "-mcmodel=medany")
LINK = ("-Wl,--build-id=none", f"-Wl,-T,{HERE / 'link.ld'}", "-Wl,-z,norelro")
QEMU_CPU = "rv64,h=off,sstc=on,svinval=on,svnapot=on,svpbmt=on,zba=on,zbb=on,zbc=on,zbs=on"
TIMEOUT = 60


@dataclass(frozen=True)
class Program:
    """A test program: its source, macros, and why QEMU 7.2 is no judge of it ("": it is one)."""

    source: str
    macros: tuple[str, ...] = ()
    not_qemu: str = ""

    @property
    def name(self) -> str:
        return "-".join((self.source.removesuffix(".S"), *self.macros))


PROGRAMS = (
    Program("traps.S"),
    Program("csrs.S"),
    Program("pmp.S"),
    Program("interrupts.S"),
    Program("atomics.S"),
    Program("code.S"),
    Program("environment.S", (), "it has no Zicbom and Zicboz"),
    *(Program("paging.S", (f"LEVELS={levels}",)) for levels in (3, 4, 5)),
)


def build(program: Program, folder: Path, *more: str) -> Path:
    """The program's ELF file, remembered by what it is made of; `more` macros."""
    sources = [HERE / program.source, HERE / "harness.h", HERE / "link.ld"]
    digest = hashlib.sha256(
        b"".join(path.read_bytes() for path in sources) + repr((program, more, COMPILE, LINK)).encode()
    )
    target = folder / f"{program.name}-{digest.hexdigest()[:16]}.elf"
    if not target.exists():
        macros = [f"-D{macro}" for macro in (*program.macros, *more)]
        partial = target.with_suffix(f".{os.getpid()}")
        command = [sys.executable, "-m", "ziglang", "cc", *COMPILE, *LINK, *macros, "-o", str(partial), str(sources[0])]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
        partial.replace(target)
    return target


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.name)
def program(request: pytest.FixtureRequest) -> Program:
    """Each program."""
    found: Program = request.param
    return found


@pytest.fixture
def cache(pytestconfig: pytest.Config) -> Path:
    """Where programs are remembered."""
    assert pytestconfig.cache is not None
    return Path(pytestconfig.cache.mkdir("privileged"))


def run(*command: str) -> tuple[int, str]:
    """Exit status and output of a machine."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("accel", ["tcg", "tcg,backend=tci"])
def test_passes(program: Program, cache: Path, accel: str) -> None:
    elf = build(program, cache)
    arguments = ("-M", "virt", "-accel", accel, "-bios", "none", "-nographic", "-kernel", str(elf))
    assert run(sys.executable, "-m", "pytcg", *arguments) == (0, "")


def test_qemu_agrees(program: Program, cache: Path) -> None:
    """What QEMU 7.2 does otherwise, against the specification, is left out by the macro QEMU."""
    if QEMU is None:
        pytest.skip("qemu-system-riscv64 is not installed")
    if program.not_qemu:
        pytest.skip(f"QEMU 7.2 is no judge: {program.not_qemu}")
    elf = build(program, cache, "QEMU")
    arguments = ("-M", "virt", "-cpu", QEMU_CPU, "-bios", "none", "-nographic", "-kernel", str(elf))
    assert run(QEMU, *arguments) == (0, "")
