"""-icount: the same input gives the same console, count of instructions and final state, on both backends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.guestprogram import build
from tests.system.guests import run

PROGRAMS = Path(__file__).parent / "programs"

TYPED = "uptime\rprimes 500\rsleep 1\ruptime\rpoweroff\r"


def outcome(*options: str) -> tuple[str, int, str]:
    done = run(*options, "--stats=json", typed=TYPED)
    assert done.returncode == 0, done.stderr
    stats = json.loads(done.stderr)
    return done.stdout, stats["executed_insns"], stats["state_hash"]


@pytest.mark.parametrize("icount", ["shift=auto", "shift=0,sleep=off", "shift=9,sleep=off"])
def test_runs_are_the_same(icount: str) -> None:
    first = outcome("-icount", icount)
    assert "up 1." in first[0]
    assert all(outcome("-icount", icount) == first for _ in range(2))


#: counts down from 1000, prints A, reads the time into a1, powers off
COUNTING = (
    *(0x3E800513, 0xFFF50513, 0xFE051EE3, 0x100003B7, 0x04100313, 0x00638023, 0xC01025F3),
    *(0x001002B7, 0x00005337, 0x55530313, 0x0062A023, 0x0000006F),
)


def test_the_interpreter_counts_as_machine_code_does(tmp_path: Path) -> None:
    firmware = tmp_path / "firmware"
    firmware.write_bytes(b"".join(word.to_bytes(4, "little") for word in COUNTING))
    options = ("-bios", str(firmware), "-m", "8M", "-icount", "3,sleep=off", "-accel")
    console, insns, state = outcome(*options, "tcg,backend=tci")
    assert (console, insns, state) == outcome(*options, "tcg")
    assert console == "A" and insns > 2000


def test_a_seed_is_another_run() -> None:
    assert len({outcome("-icount", "3,sleep=off", "-seed", seed)[2] for seed in ("1", "2")}) == 2


def test_a_disk_answers_at_the_same_time(tmp_path: Path) -> None:
    """The guest polls: how often depends on when its requests end."""
    macros = ("FIRST=0", "COUNT=5")
    program = build(PROGRAMS / "numbered_sectors.c", PROGRAMS / "memory.ld", tmp_path, macros)
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(1 << 16))
    options = ("-bios", "none", "-kernel", str(program), "-m", "16M", "-icount", "2")
    drive = ("-drive", f"file={disk},if=none,format=raw,id=x", "-device", "virtio-blk-device,drive=x")
    first = outcome(*options, *drive)
    assert first[0] == "".join(f"{number} 0 0\n" for number in range(5))
    assert outcome(*options, *drive) == first
