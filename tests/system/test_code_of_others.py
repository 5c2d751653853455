"""Harts that change each other's code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.system.guests import PYTCG

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).parent / "programs" / "other_hart.S"
FLAGS = ["-target", "riscv64-freestanding-none", "-mcpu=generic_rv64+m+a+zicsr+zifencei", "-nostdlib", "-static"]
SCRIPT = Path(__file__).parent.parent / "privileged" / "link.ld"
LINK = [f"-Wl,-T,{SCRIPT}", "-Wl,--build-id=none"]
FUNCTION, BESIDE, ACROSS = 0x80010000, 0x80010100, 0x80010FFE
SHARED = 0x80020000
RET = 0x00008067


def run(zig: list[str], path: Path, function: int, shared: int, count: int, *more: str, options: str = "") -> int:
    """The exit status of a run, with two harts if the options do not say otherwise."""
    macros = [f"-DFUNCTION={function:#x}", f"-DSHARED={shared:#x}", f"-DCOUNT={count}", *more]
    program, code = path / "program", path / "function"
    subprocess.run([*zig, "cc", *FLAGS, *LINK, *macros, "-o", str(program), str(SOURCE)], check=True)
    code.write_bytes((0x00100513).to_bytes(4, "little") + RET.to_bytes(4, "little"))
    loader = f"loader,file={code},addr={function:#x},force-raw=on"
    command = [*PYTCG, "-bios", str(program), "-device", loader, *(options or "-smp 2").split()]
    return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=120).returncode


@pytest.mark.parametrize("function", [FUNCTION, ACROSS])
@pytest.mark.parametrize("shared", [SHARED, BESIDE])
def test_code_made_to_order(zig: list[str], tmp_path: Path, function: int, shared: int) -> None:
    """The function lies alone, beside the words that the harts share, and across pages."""
    assert run(zig, tmp_path, function, shared, 2000, "-DORDERED") == 0


def test_code_made_to_order_is_interpreted(zig: list[str], tmp_path: Path) -> None:
    options = "-smp 2 -accel tcg,backend=tci"
    assert run(zig, tmp_path, FUNCTION, SHARED, 200, "-DORDERED", options=options) == 0


@pytest.mark.parametrize("cpus", [2, 4])
def test_code_is_changed_while_others_call_it(zig: list[str], tmp_path: Path, cpus: int) -> None:
    assert run(zig, tmp_path, FUNCTION, SHARED, 200_000, options=f"-smp {cpus}") == 0
