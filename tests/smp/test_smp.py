"""Four harts: litmus tests of the memory model, and a page that moves while it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guestprogram import QEMU, build, pytcg, run

HERE = Path(__file__).parent
PROGRAMS = (("litmus", ()), ("shootdown", ()))
LONG = (("litmus", ("ROUNDS=20",)), ("shootdown", ("TIMES=200",)))
Program = tuple[str, tuple[str, ...]]


@pytest.fixture
def cache(pytestconfig: pytest.Config) -> Path:
    """Where programs are remembered."""
    assert pytestconfig.cache is not None
    return Path(pytestconfig.cache.mkdir("smp"))


def arguments(program: Program, cache: Path) -> tuple[str, ...]:
    name, macros = program
    elf = build(HERE / f"{name}.S", HERE.parent / "privileged" / "link.ld", cache, macros)
    return ("-M", "virt", "-smp", "4", "-bios", "none", "-nographic", "-kernel", str(elf))


def named(program: Program) -> str:
    return program[0]


@pytest.mark.parametrize("program", PROGRAMS, ids=named)
def test_passes(program: Program, cache: Path) -> None:
    assert pytcg(*arguments(program, cache)) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("program", LONG, ids=named)
def test_passes_for_long(program: Program, cache: Path) -> None:
    assert pytcg(*arguments(program, cache)) == (0, "")


@pytest.mark.skipif(not QEMU, reason="not run: QEMU (qemu-system-misc) is not installed")
@pytest.mark.parametrize("program", PROGRAMS, ids=named)
def test_qemu_agrees(program: Program, cache: Path) -> None:
    assert QEMU
    assert run(QEMU, *arguments(program, cache)) == (0, "")
