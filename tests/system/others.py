"""Programs of others from `make guests` under Debian's kernel: an initrd of their packages that runs commands."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from benchmarks.cpio import Entry, archive
from scripts.fetch_programs import BUSYBOX, PACKAGES, files
from tests.system.guests import GUESTS, needs

#: what a package has that no program here reads
UNUSED = ("usr/share/", "etc/")
#: a command's output in the console: its number before, its exit status after
BEGIN, END = "<<<", ">>>"
INIT = f"""#!/usr/bin/busybox sh
busybox mkdir -p /proc /sys /tmp /run
busybox mount -t proc proc /proc
busybox --install -s /usr/bin
mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm; mount -t tmpfs shm /dev/shm; mount -t tmpfs tmp /tmp
cd /tmp; number=0
while IFS= read -r command; do
    echo "{BEGIN}$number"; sh -c "$command" 2>&1 </dev/null; status=$?
    echo; echo "{END}$status"; number=$((number + 1))
done </commands
poweroff -f
"""
MACHINE = ["-M", "virt", "-m", "1G", "-nographic", "-no-reboot"]
EMULATORS = {"pytcg": [sys.executable, "-m", "pytcg"], "qemu": ["qemu-system-riscv64", "-accel", "tcg,thread=multi"]}

MISSING = [name for name in PACKAGES if name not in files()]
#: tests that are not run where the kernel or a package is missing
needs_programs = (
    needs("linux"),
    pytest.mark.skipif(bool(MISSING), reason=f"not run: no riscv64 package of {' '.join(MISSING)}: run `make guests`"),
)


def unpacked(package: Path) -> Iterator[Entry]:
    """What a Debian package installs, in a tree where /bin, /lib and /sbin are links into /usr."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as tree:
        for member in tree:
            path = member.name.removeprefix("./").rstrip("/")
            if path.startswith(("bin/", "lib/", "sbin/")):
                path = f"usr/{path}"
            if path in ("", ".", "bin", "lib", "sbin") or path.startswith(UNUSED):
                continue
            file = tree.extractfile(member) if member.isfile() or member.islnk() else None
            if member.isdir():
                yield Entry(path, stat.S_IFDIR | 0o755)
            elif member.issym():
                yield Entry(path, stat.S_IFLNK | 0o777, member.linkname.encode())
            elif file:
                yield Entry(path, stat.S_IFREG | member.mode & 0o777, file.read())


def build(packages: Iterable[str], commands: Sequence[str], given: Mapping[str, bytes]) -> bytes:
    """An initrd of packages, BusyBox among them, and of files given, that runs commands, a line each."""
    there = files()
    found = {entry.path: entry for name in {*BUSYBOX, *packages} for entry in unpacked(there[name])}
    links = [Entry(name, stat.S_IFLNK | 0o777, f"usr/{name}".encode()) for name in ("bin", "lib", "sbin")]
    given = {**given, "commands": "".join(f"{command}\n" for command in commands).encode()}
    return archive(
        [
            *(Entry(name, stat.S_IFDIR | 0o755) for name in ("dev", "usr", "usr/sbin")),
            Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
            *(found[path] for path in sorted(found) if path not in ("dev", "usr", "usr/sbin")),
            *links,
            Entry("init", stat.S_IFREG | 0o755, INIT.encode()),
            *(Entry(name, stat.S_IFREG | 0o644, data) for name, data in given.items()),
        ]
    )


def answers(
    packages: Iterable[str],
    commands: Sequence[str],
    given: Mapping[str, bytes] = MappingProxyType({}),
    *,
    emulator: str = "pytcg",
    patience: float = 400,
) -> list[tuple[int, str]]:
    """Run shell commands in a guest of two harts: the exit status of each, and what it printed.

    A run that does not come to its end has fewer; what the console said last is then on standard error.
    """
    with tempfile.TemporaryDirectory() as name:
        initrd = Path(name) / "initrd"
        initrd.write_bytes(build(packages, commands, given))
        options = ["-smp", "2", "-kernel", str(GUESTS / "linux"), "-initrd", str(initrd)]
        command = [*EMULATORS[emulator], *MACHINE, *options, "-append", "console=ttyS0 quiet rdinit=/init"]
        try:
            output = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience).stdout
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
    text = output.decode(errors="replace").replace("\r", "")
    found = []
    for number in range(len(commands)):
        _, begun, rest = text.partition(f"{BEGIN}{number}\n")
        printed, ended, status = rest.partition(f"\n{END}")
        if not (begun and ended):
            print(f"no end of {commands[number]!r}; the console ends with {text[-2000:]}", file=sys.stderr)
            break
        found.append((int(status.split("\n", 1)[0]), printed))
    return found
