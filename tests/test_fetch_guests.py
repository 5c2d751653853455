"""scripts/fetch_guests.py where it cannot fetch, and where all is there already."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def run(folder: Path, script: str = "fetch_guests") -> subprocess.CompletedProcess[str]:
    """A copy of a script in `folder`, on a machine where no other program is to be found."""
    shutil.copytree(SCRIPTS, folder / "scripts")
    command = [sys.executable, "-m", f"scripts.{script}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PATH": str(folder)}, timeout=30)


def test_a_machine_without_apt_is_told_in_one_line(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    problem, note = done.stderr.splitlines()
    assert problem == "guests: apt-get is not on this machine: guests are fetched from Debian packages"
    assert note.startswith("guests: qemu-system-misc")


def test_programs_that_cannot_be_had_are_told_in_one_line_and_are_no_failure(tmp_path: Path) -> None:
    done = run(tmp_path, "fetch_programs")
    assert (done.returncode, done.stdout) == (0, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("guests: without riscv64 programs of others, whose tests will not run: apt-get is not on")


def test_what_is_there_unchanged_is_not_fetched_again(tmp_path: Path) -> None:
    guests = tmp_path / "guests"
    guests.mkdir()
    (guests / "linux").write_bytes(b"kernel")
    entry = {"sha256": {"linux": hashlib.sha256(b"kernel").hexdigest()}}
    own = next(
        line.partition("=")[2].strip().strip('"')
        for line in Path("/etc/os-release").read_text().splitlines()
        if line.startswith("VERSION_CODENAME=")
    )
    later = [f"{name}/trixie" for name in ("debian-installer-13-netboot-riscv64", "opensbi", "qemu-efi-riscv64")]
    names = (*later, f"opensbi/{own}", f"u-boot-qemu/{own}")
    (guests / "manifest.json").write_text(json.dumps(dict.fromkeys(names, entry)))
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (0, f"guests: all in {guests}\n")
