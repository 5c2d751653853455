"""Fetch programs of others for the guest, that tests run under Debian's kernel: the optional part of `make guests`.

Debian's riscv64 packages of BusyBox, stress-ng and Python with its own tests, as they are, under
guests/riscv64/programs, from the first of some releases whose index can be had. Without them their tests are skipped,
so one line says so and the exit status is 0.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from scripts.fetch_guests import GUESTS, LATER, FetchError, PrivateApt, debian_site, own_release

PROGRAMS = GUESTS / "riscv64" / "programs"
#: a release's index may not fit its signature while a mirror takes a new one
RELEASES = (LATER, "forky", "sid")
#: packages, with the libraries that they are linked with; what those would load at run time is not needed
BUSYBOX = ("busybox-static",)
STRESS_NG = (
    *("stress-ng", "libacl1", "libapparmor1", "libbsd0", "libc6", "libcrypt1", "libdrm2", "libegl1", "libexpat1"),
    *("libgbm1", "libgcc-s1", "libgles2", "libglvnd0", "libgmp10", "libjpeg62-turbo", "libjudydebian1", "libkmod2"),
    *("liblzma5", "libmd0", "libmpfr6", "libsctp1", "libssl3t64", "libstdc++6", "libxxhash0", "libzstd1", "zlib1g"),
)
PYTHON = (
    *("python3.13-minimal", "libpython3.13-minimal", "libpython3.13-stdlib", "libpython3.13-testsuite"),
    *("libbz2-1.0", "libc6", "libexpat1", "libffi8", "liblzma5", "libssl3t64", "libzstd1", "zlib1g"),
)
PACKAGES = sorted({*BUSYBOX, *STRESS_NG, *PYTHON})


def files() -> dict[str, Path]:
    """The packages that are there, by name."""
    return {path.name.partition("_")[0]: path for path in PROGRAMS.glob("*.deb")}


def fetch_from(release: str, site: str) -> None:
    """Bring the packages of a release; all of them or none."""
    with tempfile.TemporaryDirectory(dir=GUESTS) as name:
        folder = Path(name)
        apt = PrivateApt(folder / "apt", site, [release], "riscv64")
        apt.update()
        (folder / "programs").mkdir()
        apt.download(PACKAGES, release, folder / "programs")
        shutil.rmtree(PROGRAMS, ignore_errors=True)
        (folder / "programs").rename(PROGRAMS)


def fetch() -> str:
    """Bring the packages; the release they are from, "" if they were there. Raises FetchError with the last trouble."""
    if files().keys() >= set(PACKAGES):
        return ""
    PROGRAMS.parent.mkdir(parents=True, exist_ok=True)
    site = debian_site(own_release())
    trouble = FetchError("no release is known")
    for release in RELEASES:
        try:
            fetch_from(release, site)
            return release
        except FetchError as error:
            trouble = error
    raise trouble


def main() -> None:
    try:
        release = fetch()
    except (FetchError, OSError) as error:
        print(f"guests: without riscv64 programs of others, whose tests will not run: {error}", file=sys.stderr)
        return
    if release:
        print(f"guests: programs of others for riscv64, from {release}")


if __name__ == "__main__":
    main()
