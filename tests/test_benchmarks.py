"""What the benchmarks compute and pack; what they measure is not run here."""

from __future__ import annotations

import gzip
import stat
import sys
from pathlib import Path

import pytest

from benchmarks.console import ConsoleError, console
from benchmarks.cpio import initrd
from benchmarks.measure import between
from benchmarks.report import ChecksumError, compare, line, markdown
from benchmarks.sample import Sample
from benchmarks.usermode import UserMode
from tests.exec.riscv import ECALL, addi, code, load
from tests.machine.kernels import elf


def members(archive: bytes) -> dict[str, tuple[int, bytes, tuple[int, int]]]:
    """Path to mode, content and device of each entry of a newc archive."""
    found = {}
    at = 0
    while at < len(archive):
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name_end = at + 110 + fields[11]
        name = archive[at + 110 : name_end - 1].decode()
        start = name_end + -name_end % 4
        end = start + fields[6]
        found[name] = fields[1], archive[start:end], (fields[9], fields[10])
        at = end + -end % 4
    return found


def test_initrd(tmp_path: Path) -> None:
    program = tmp_path / "bench"
    program.write_bytes(b"\x7fELF and more")
    archive = initrd(program)
    assert initrd(program) == archive
    found = members(gzip.decompress(archive))
    assert found["bench"] == (stat.S_IFREG | 0o755, b"\x7fELF and more", (0, 0))
    assert found["dev/console"] == (stat.S_IFCHR | 0o600, b"", (5, 1))
    assert list(found)[-1] == "TRAILER!!!"


def test_console_takes_times_and_memory() -> None:
    script = "x = sum(range(3000000)); print('done', x); input(); print('bye')"
    with console([sys.executable, "-c", script], timeout=60) as guest:
        done = guest.expect(r"done (\d+)\s")
        assert done.match[1] == "4499998500000"
        guest.type("\n")
        bye = guest.expect("bye")
    assert 0 < done.cpu <= bye.cpu and done.wall < bye.wall and done.rss_mib > 1
    assert between(done, bye).cpu == bye.cpu - done.cpu


def test_console_ends() -> None:
    with (
        pytest.raises(ConsoleError, match="ended before 'never'"),
        console([sys.executable, "-c", "print('this')"], 60) as guest,
    ):
        guest.expect("never")
    with (
        pytest.raises(ConsoleError, match=r"no 'never' in 0\.2 s"),
        console([sys.executable, "-c", "input()"], 0.2) as guest,
    ):
        guest.expect("never")


def test_ratios_of_medians() -> None:
    ours = [{"loop": Sample(cpu, 1.0, 10, "ab")} for cpu in (1.0, 9.0, 2.0)]
    theirs = [{"loop": Sample(cpu, 4.0, 20, "ab")} for cpu in (4.0, 4.5, 1.0)]
    rows = compare({"pytcg": ours, "qemu": theirs})
    assert rows["loop"]["ratio"] == {"cpu": 0.5, "wall": 0.25, "guest_ms": 0.5}
    assert line("loop", rows["loop"]).split() == [
        "loop",
        "2.000",
        "4.000",
        "0.50",
        "1.000",
        "4.000",
        "0.25",
        "10",
        "20",
        "0.50",
    ]
    assert "| loop | 2.000 | 4.000 | 0.50 | 0.25 |" in markdown(rows, "loops")


def test_unicorn_is_a_column_where_it_took_part() -> None:
    ours, theirs = ({name: Sample(cpu, 1.0, 10, "ab") for name in ("plain", "fork")} for cpu in (1.0, 2.0))
    rows = compare({"pytcg": [ours], "qemu": [theirs], "unicorn": [{"plain": Sample(4.0, 1.0, 1, "ab")}]})
    assert rows["plain"]["ratio_unicorn"] == 0.25 and "ratio_unicorn" not in rows["fork"]
    assert line("plain", rows["plain"]).endswith("Unicorn 4.000 CPU s, ratio 0.25")
    assert markdown(rows, "programs").splitlines() == [
        "| programs | pytcg, CPU s | QEMU, CPU s | ratio | ratio of wall time | Unicorn, CPU s | ratio to it |",
        "|---|---|---|---|---|---|---|",
        "| plain | 1.000 | 2.000 | 0.50 | 1.00 | 4.000 | 0.25 |",
        "| fork | 1.000 | 2.000 | 0.50 | 1.00 |  |  |",
    ]
    with pytest.raises(ChecksumError, match="plain: ab, cd"):
        compare({"pytcg": [ours], "qemu": [theirs], "unicorn": [{"plain": Sample(4.0, 1.0, 1, "cd")}]})


def test_a_program_for_linux_runs_in_unicorn(tmp_path: Path) -> None:
    """Prints its second argument, which is at 16(sp)."""
    program = tmp_path / "program"
    words = code(load(11, 2, 16), addi(12, 0, 4), addi(17, 0, 64), ECALL, addi(17, 0, 142), ECALL)
    program.write_bytes(elf(((0x10000, 0x10000, words, 0x1000),), 0x10000))
    guest = UserMode(program, ["bench", "one\n"])
    guest.run()
    assert guest.text == "one\n"
    assert len(guest.marks) == 1


def test_other_results_are_an_error() -> None:
    with pytest.raises(ChecksumError, match="loop: ab, cd"):
        compare({"pytcg": [{"loop": Sample(1.0, 1.0, 1, "ab")}], "qemu": [{"loop": Sample(1.0, 1.0, 1, "cd")}]})
