"""Debian's riscv64 installer: Linux and its BusyBox shell."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.system.debian import debian, needs_debian
from tests.system.guests import GUESTS
from tests.system.initrd import members

#: ten processes, whose last counts the 8 lines and 18 bytes that are left; short, as the shell wraps what is typed
DIGITS = "d() { for n in 1 2 3 4 5 6 7 8 9; do echo $n; done; }"
PIPELINE = "d|cat|sort -r|sed s/1/one/|grep -v 5|tr 2-9 a-h|cat|uniq|head -n 8|wc -lc"
#: what the kernel's own, built-in initrd adds
OWN = {".", "dev", "dev/console", "root"}


@pytest.mark.slow
@needs_debian
def test_a_session() -> None:
    files = dict(members(GUESTS / "initrd.gz"))
    with debian() as shell:
        assert int(shell.answer("find / | wc -l")) == len(OWN.union(files))
        assert shell.answer("mkdir -p /proc && mount -t proc proc /proc") == ""
        assert re.search(r"^isa\s*: rv64imafdc\w+$", shell.answer("cat /proc/cpuinfo"), re.MULTILINE)
        busybox = hashlib.sha256(files["usr/bin/busybox"]).hexdigest()
        assert shell.answer("sha256sum /bin/busybox").split()[0] == busybox
        assert shell.answer(DIGITS) == ""
        assert shell.answer(PIPELINE).split() == ["8", "18"]
        shell.power_off()
