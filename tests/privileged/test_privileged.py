"""Guest programs for the privileged architecture: each ends with status 0 on every backend, and on QEMU if it can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.guestprogram import QEMU, build, pytcg, run
from tests.ladder.forms import Form, form_of, forms
from tests.ladder.generate import candidates

HERE = Path(__file__).parent
QEMU_CPU = "rv64,h=off,sstc=on,svinval=on,svnapot=on,svpbmt=on,zba=on,zbb=on,zbc=on,zbs=on"
#: the boards, and the macros for them
BOARDS: dict[str, tuple[str, ...]] = {"virt": (), "spike": ("SPIKE",)}


@dataclass(frozen=True)
class Program:
    """A test program: its source, macros, and why QEMU 7.2 is no judge of it, or not on its spike ("": it is one)."""

    source: str
    macros: tuple[str, ...] = ()
    not_qemu: str = ""
    not_spike: str = ""

    @property
    def name(self) -> str:
        return "-".join((self.source.removesuffix(".S"), *self.macros))


NO_TIME = "it has no time CSR there"
PROGRAMS = (
    Program("traps.S"),
    Program("csrs.S", (), "", NO_TIME),
    Program("probing.S"),
    Program("pmp.S"),
    Program("interrupts.S", (), "", NO_TIME),
    Program("atomics.S"),
    Program("code.S"),
    Program("environment.S", (), "it has no Zicbom and Zicboz"),
    *(Program("paging.S", (f"LEVELS={levels}",)) for levels in (3, 4, 5)),
)


def elf_file(program: Program, cache: Path, *more: str) -> Path:
    """The program's ELF file; `more` macros."""
    return build(HERE / program.source, HERE / "link.ld", cache, (*program.macros, *more))


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


INTERPRETED = pytest.param("virt", "tcg,backend=tci", marks=pytest.mark.slow)


@pytest.mark.parametrize(("board", "accel"), [("virt", "tcg"), INTERPRETED, ("spike", "tcg")])
def test_passes(program: Program, cache: Path, board: str, accel: str) -> None:
    elf = elf_file(program, cache, *BOARDS[board])
    arguments = ("-M", board, "-accel", accel, "-bios", "none", "-nographic", "-kernel", str(elf))
    assert pytcg(*arguments) == (0, "")


@pytest.mark.parametrize("board", ["virt", "spike"])
def test_qemu_agrees(program: Program, cache: Path, board: str) -> None:
    """What QEMU 7.2 does otherwise, against the specification, is left out by the macro QEMU."""
    if QEMU is None:
        pytest.skip("qemu-system-riscv64 is not installed")
    reason = program.not_qemu or (program.not_spike if board == "spike" else "")
    if reason:
        pytest.skip(f"QEMU 7.2 is no judge: {reason}")
    elf = elf_file(program, cache, "QEMU", *BOARDS[board])
    arguments = ("-M", board, "-cpu", QEMU_CPU, "-bios", "none", "-nographic", "-kernel", str(elf))
    status, output = run(QEMU, *arguments)
    assert status == 0, output


def instructions(elf: Path) -> set[Form]:
    """The instructions of a program's text, as far as it can be read from its start."""
    with elf.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".text")
        assert section is not None
        text = section.data()
    found, at = set(), 0
    while at < len(text):
        word = int.from_bytes(text[at : at + 4], "little")
        size = 4 if word & 3 == 3 else 2
        form = form_of(word if size == 4 else word & 0xFFFF)
        if form is not None:
            found.add(form)
        at += size
    return found


def test_what_the_ladder_leaves_out_is_in_a_program(cache: Path) -> None:
    left_out = {form for form in forms() if form not in candidates()}
    for program in PROGRAMS:
        left_out -= instructions(elf_file(program, cache))
    assert {form.label for form in left_out} == set()
