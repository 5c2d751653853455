"""Programs of others in a guest: BusyBox beside the host's own commands, stress-ng's and Python's checks."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.fetch_programs import BUSYBOX, PYTHON, STRESS_NG
from tests.system.others import answers, needs_programs

pytestmark = [pytest.mark.slow, *needs_programs]

#: on a file of lines "number word number"; the same in coreutils, mawk, sed, gzip, bzip2, xz and bc
APPLETS = (
    *(f"{name} <text" for name in ("md5sum", "sha1sum", "sha256sum", "sha512sum", "wc -l", "rev")),
    *(f"sort {key} text | sha256sum" for key in ("", "-r", "-n", "-u", "-k2,2 -s", "-k3n -k1nr")),
    "cut -d' ' -f2 text | sort | uniq -c | sort -rn | head -n 5 | awk '{print $1, $2}'",
    "awk '{n[$2] += $1 * $3 / 7} END {for (k in n) t += n[k]; printf \"%.4f %d\\n\", t, NR}' text",
    "awk 'length($2) > 4 && /[aeiou][aeiou]/ {print toupper($2), substr($2, 2, 3)}' text | sha256sum",
    "sed -E 's/([a-z]+) ([0-9]+)/\\2-\\1/; /7$/d; y/abc/xyz/' text | sha256sum",
    "sed -n '/0 /{N;s/\\n/+/;p}' text | sha256sum",
    "tr a-z n-za-m <text | tr -d 0-4 | tr -s ' ' | sha256sum",
    "grep -c '[13579]$' text; grep -E '^(1|2)+.*(er|al)' text | wc -l",
    *(f"{name} -c <text | {name} -dc | sha256sum" for name in ("gzip", "bzip2")),
    "gunzip -c text.gz | cmp - text && echo same",
    "xzcat text.xz | cmp - text && echo same",
    "base64 text | base64 -d | cmp - text && base64 text | sha256sum",
    "od -A x -t x1 text | sha256sum",
    "tar cf - text | tar xOf - text | sha256sum",
    "factor 18446744073709551557 600851475143 4294967297",
    "seq -s + 1 200 | bc; echo '2^521 - 1; 7^120 % 1000007; scale=20; 22/7' | bc",
    "expr 123456789 '*' 987 % 1009",
    "date -u -d @1234567890 '+%Y-%m-%d %H:%M:%S %j %a'",
    "i=0; s=1; while [ $i -lt 2000 ]; do s=$((s * 6364136223846793005 + i)); i=$((i + 1)); done; echo $s",
    "shuf -i 1-500 | sort -n | sha256sum; tac text | nl | tail -n 2; fold -w 7 text | sha256sum",
)

#: stressors that go together, each one second
STRESSORS = (
    "--cpu 2 --cpu-method all",
    "--matrix 1 --atomic 2 --fork 1 --pipe 1",
    "--mmap 1 --switch 1 --futex 1 --vm 1 --vm-bytes 16M",
    "--sigsuspend 1 --clock 1 --mutex 1 --fp 1 --sem 1",
    "--qsort 1 --crypt 1 --membarrier 1 --icache 1",
)
VERIFY = "stress-ng --verify --timeout 1"


def text() -> bytes:
    """Lines that are the same in each run."""
    dice = random.Random(4)
    words = ["early", "walnut", "steal", "over", "near", "chaos", "boil", "cabal", "ledger", "tide"]
    lines = (f"{dice.randrange(10000)} {dice.choice(words)} {dice.randrange(1000)}" for _ in range(1000))
    return "".join(f"{line}\n" for line in lines).encode()


def test_busybox_says_what_the_commands_of_the_host_say(tmp_path: Path) -> None:
    absent = [name for name in ("bc", "bzip2", "xz") if not shutil.which(name)]
    if absent:
        pytest.skip(f"not run: this machine has no {', '.join(absent)} to compare with")
    (tmp_path / "text").write_bytes(text())
    environment = {**os.environ, "LC_ALL": "C"}

    def here(command: str) -> tuple[int, str]:
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout

    for packer in ("gzip", "xz"):
        here(f"{packer} -k text")
    files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    expected = {command: here(command) for command in APPLETS}
    there = answers(BUSYBOX, ("cp /text* .", *APPLETS), files)
    found = dict(zip(APPLETS, there[1:], strict=True))
    assert {command: found[command] for command in APPLETS if found[command] != expected[command]} == {}


def test_stress_ng_finds_nothing_wrong() -> None:
    found = answers(STRESS_NG, [f"{VERIFY} {stressors}" for stressors in STRESSORS])
    for stressors, (status, printed) in zip(STRESSORS, found, strict=True):
        started = sum(int(count) for count in re.findall(r"--[a-z]+ (\d+)", stressors))
        assert status == 0, printed
        assert f"passed: {started}:" in printed and "failed: 0" in printed, printed


def test_python_passes_its_own_tests() -> None:
    modules = ["test_float", "test_bool", "test_int", "test_bisect"]
    ((status, printed),) = answers(PYTHON, [f"python3.13 -m test {' '.join(modules)}"])
    assert status == 0, printed
    assert f"All {len(modules)} tests OK." in printed
