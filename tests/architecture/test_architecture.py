"""Programs in the way of architecture test suites, on the board `spike`: each passes in every flavour, as on QEMU."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guestprogram import QEMU, build, pytcg, run

HERE = Path(__file__).parent
PROGRAMS = sorted(path.stem for path in HERE.glob("*.S"))
#: physical addresses; pages by each mode of satp, with accessed and dirty bits set by software and by hardware
FLAVOURS = {
    "physical": (),
    "sv39": ("VIRTUAL=8",),
    "sv39-hardware": ("VIRTUAL=8", "HARDWARE_AD"),
    "sv48": ("VIRTUAL=9",),
    "sv57": ("VIRTUAL=10",),
}
QUICK = ("physical", "sv48")
FLAVOUR_PARAMETERS = [pytest.param(flavour, marks=() if flavour in QUICK else pytest.mark.slow) for flavour in FLAVOURS]


@pytest.fixture
def cache(pytestconfig: pytest.Config) -> Path:
    """Where programs are remembered."""
    assert pytestconfig.cache is not None
    return Path(pytestconfig.cache.mkdir("architecture"))


def arguments(elf: Path) -> tuple[str, ...]:
    return ("-M", "spike", "-bios", "none", "-nographic", "-kernel", str(elf))


def elf_file(name: str, flavour: str, cache: Path, *more: str) -> Path:
    return build(HERE / f"{name}.S", HERE / "link.ld", cache, (*FLAVOURS[flavour], *more))


@pytest.mark.parametrize("flavour", FLAVOUR_PARAMETERS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_passes(name: str, flavour: str, cache: Path) -> None:
    assert pytcg(*arguments(elf_file(name, flavour, cache))) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["physical", "sv39"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_passes_on_the_interpreter(name: str, flavour: str, cache: Path) -> None:
    assert pytcg(*arguments(elf_file(name, flavour, cache)), "-accel", "tcg,backend=tci") == (0, "")


@pytest.mark.skipif(not QEMU, reason="not run: QEMU (qemu-system-misc) is not installed")
@pytest.mark.parametrize("flavour", FLAVOUR_PARAMETERS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_qemu_agrees(name: str, flavour: str, cache: Path) -> None:
    assert QEMU
    assert run(QEMU, *arguments(elf_file(name, flavour, cache, "QEMU"))) == (0, "")


@pytest.mark.parametrize("flavour", QUICK)
def test_a_check_that_fails_is_the_status(flavour: str, cache: Path) -> None:
    """A program whose first check is wrong ends with the line of it, here and on QEMU."""
    elf = elf_file("integers", flavour, cache, "MOST_POSITIVE=5")
    line = next(
        n for n, text in enumerate((HERE / "integers.S").read_text().splitlines(), 1) if "MOST_POSITIVE," in text
    )
    for machine in [pytcg(*arguments(elf)), *([run(QEMU, *arguments(elf))] if QEMU else [])]:
        assert machine == (line, "")
