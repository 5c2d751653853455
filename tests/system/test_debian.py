"""Debian's riscv64 installer: Linux and its BusyBox shell."""

from __future__ import annotations

import hashlib
import re

import pytest

from benchmarks.console import console
from tests.system.guests import GUESTS, PYTCG, needs
from tests.system.initrd import members

PATIENCE = 400
SHELL = "~ # "
OPTIONS = [
    *("-m", "1G", "-kernel", str(GUESTS / "linux"), "-initrd", str(GUESTS / "initrd.gz")),
    *("-append", "console=ttyS0 rdinit=/bin/sh"),
]
#: ten processes, whose last counts the 8 lines and 18 bytes that are left; short, as the shell wraps what is typed
DIGITS = "d() { for n in 1 2 3 4 5 6 7 8 9; do echo $n; done; }"
PIPELINE = "d|cat|sort -r|sed s/1/one/|grep -v 5|tr 2-9 a-h|cat|uniq|head -n 8|wc -lc"
#: what the kernel's own, built-in initrd adds
OWN = {".", "dev", "dev/console", "root"}


@pytest.mark.slow
@needs("linux", "initrd.gz")
def test_a_session() -> None:
    files = dict(members(GUESTS / "initrd.gz"))
    with console([*PYTCG, *OPTIONS], PATIENCE) as terminal:

        def answer(command: str) -> str:
            """What a command prints."""
            terminal.expect(SHELL)
            terminal.type(f"{command}\r")
            terminal.expect(r"\r\n")
            start = terminal.seen
            end = terminal.expect(f"(?={SHELL})").match.start()
            return terminal.text[start:end].replace("\r", "")

        assert int(answer("find / | wc -l")) == len(OWN.union(files))
        assert answer("mkdir -p /proc && mount -t proc proc /proc") == ""
        assert re.search(r"^isa\s*: rv64imafdc\w+$", answer("cat /proc/cpuinfo"), re.MULTILINE)
        assert answer("sha256sum /bin/busybox").split()[0] == hashlib.sha256(files["usr/bin/busybox"]).hexdigest()
        assert answer(DIGITS) == ""
        assert answer(PIPELINE).split() == ["8", "18"]
        terminal.expect(SHELL)
        terminal.type("poweroff -f\r")
        assert terminal.status() == 0
    assert "reboot: Power down" in terminal.text
