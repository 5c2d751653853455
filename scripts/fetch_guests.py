#!/usr/bin/env python3
"""Fetch the real guests that tests and benchmarks run: `make guests`.

Debian packages are taken by name from the site that the machine's apt is configured with, through a private apt
configuration under guests/.apt, so that the machine's package lists stay as they are; they are unpacked and their
images laid under guests/riscv64. The installer of Debian 13 is architecture-independent, so an older Debian may fetch
it too. What is there already by guests/manifest.json is not fetched again. Exit status 1, with one line a package,
where something is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

GUESTS = Path(__file__).resolve().parent.parent / "guests"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LATER = "trixie"
INSTALLER = "usr/lib/debian-installer/images/13/riscv64/text/debian-installer/riscv64"
OPENSBI = "usr/lib/riscv64-linux-gnu/opensbi/generic"


class FetchError(Exception):
    """A source that could not be had; the message is one line."""


@dataclass(frozen=True)
class Package:
    """A package of a Debian release ("" is the machine's own); `files` says what goes where under guests/."""

    name: str
    release: str
    files: dict[str, str]


PACKAGES = (
    Package(
        "debian-installer-13-netboot-riscv64",
        LATER,
        {f"{INSTALLER}/linux": "riscv64/linux", f"{INSTALLER}/initrd.gz": "riscv64/initrd.gz"},
    ),
    Package(
        "opensbi",
        LATER,
        {
            f"{OPENSBI}/{name}": f"riscv64/opensbi-{LATER}/{name}"
            for name in ("fw_dynamic.bin", "fw_dynamic.elf", "fw_jump.bin", "fw_jump.elf")
        },
    ),
    Package(
        "opensbi",
        "",
        {
            f"{OPENSBI}/{name}": f"riscv64/{name}"
            for name in ("fw_dynamic.bin", "fw_dynamic.elf", "fw_jump.bin", "fw_jump.elf")
        },
    ),
    Package(
        "qemu-efi-riscv64",
        LATER,
        {
            f"usr/share/qemu-efi-riscv64/RISCV_VIRT_{name}.fd": f"riscv64/RISCV_VIRT_{name}.fd"
            for name in ("CODE", "VARS")
        },
    ),
    Package(
        "u-boot-qemu",
        "",
        {
            "usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin": "riscv64/u-boot.bin",
            "usr/lib/u-boot/qemu-riscv64/u-boot.bin": "riscv64/u-boot-m.bin",
        },
    ),
)


def run(*command: str, cwd: Path | None = None) -> str:
    """Standard output of a command; FetchError with the last line of its complaint when it fails or is not there."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise FetchError(f"{command[0]} is not on this machine: guests are fetched from Debian packages") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()
        raise FetchError(lines[0] if lines else f"{command[0]} ended with status {done.returncode}")
    return done.stdout


def own_release() -> str:
    """Codename of the Debian release of this machine."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")]
    if not names:
        raise FetchError("this machine does not say which Debian release it is (/etc/os-release)")
    return names[0]


def debian_site(release: str) -> str:
    """The address of the Debian archive in the machine's apt configuration."""

    def configured() -> list[str]:
        listing = run("apt-get", "indextargets", "--format", "$(SITE)|$(CODENAME)|$(COMPONENT)", "Identifier: Packages")
        rows = [line.split("|") for line in listing.splitlines()]
        return [site for site, codename, component in rows if (codename, component) == (release, "main")]

    sites = configured()
    if not sites and os.geteuid() == 0:
        run("apt-get", "update", "-q")
        sites = configured()
    if not sites:
        raise FetchError(f"apt knows no Debian archive of release {release}: run 'apt-get update' as root first")
    return sites[0]


class PrivateApt:
    """An apt of our own: the machine's site, the releases asked for, and all state below one folder."""

    def __init__(self, root: Path, site: str, releases: list[str], architecture: str = "") -> None:
        self.root = root
        for folder in ("lists/partial", "cache/archives/partial", "parts"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        (root / "sources.list").write_text("".join(f"deb {signed}{site} {name} main\n" for name in releases))
        (root / "status").touch()
        settings: dict[str, str | Path] = {
            "Dir::Etc::SourceList": root / "sources.list",
            "Dir::Etc::SourceParts": root / "parts",
            "Dir::State::Lists": root / "lists",
            "Dir::State::status": root / "status",
            "Dir::Cache": root / "cache",
            "Acquire::Languages": "none",
            "Acquire::PDiffs": "false",
            "APT::Update::Error-Mode": "any",
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        }
        if architecture:
            settings |= {"APT::Architecture": architecture, "APT::Architectures::": architecture}
        self.options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    def update(self) -> None:
        run("apt-get", *self.options, "-q", "update")

    def download(self, packages: Iterable[str], release: str, folder: Path) -> list[Path]:
        """The .deb files of packages, in `folder`."""
        run("apt-get", *self.options, "-q", "download", *(f"{name}/{release}" for name in packages), cwd=folder)
        return sorted(folder.glob("*.deb"))


def install(package: Package, release: str, apt: PrivateApt) -> dict[str, object]:
    """Download and unpack a package and lay its files under guests/; its entry of the manifest."""
    with tempfile.TemporaryDirectory(dir=GUESTS) as name:
        folder = Path(name)
        (deb,) = apt.download([package.name], release, folder)
        version = run("dpkg-deb", "-f", str(deb), "Version").strip()
        run("dpkg-deb", "-x", str(deb), str(folder / "tree"))
        digests = {}
        for source, place in package.files.items():
            target = GUESTS / place
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(folder / "tree" / source, target)
            except FileNotFoundError:
                raise FetchError(f"version {version} has no {source}") from None
            digests[place] = hashlib.sha256(target.read_bytes()).hexdigest()
    return {"release": release, "version": version, "sha256": digests}


def is_whole(entry: dict[str, object] | None) -> bool:
    """Whether the files of a manifest entry are there and unchanged."""
    digests = entry["sha256"] if entry else None
    return isinstance(digests, dict) and all(
        (GUESTS / place).is_file() and hashlib.sha256((GUESTS / place).read_bytes()).hexdigest() == digest
        for place, digest in digests.items()
    )


def fetch(force: bool) -> list[str]:
    """Bring all packages that are not there yet; one line for each that could not be had."""
    GUESTS.mkdir(exist_ok=True)
    manifest_file = GUESTS / "manifest.json"
    manifest = json.loads(manifest_file.read_text()) if manifest_file.exists() and not force else {}
    own = own_release()
    wanted = {f"{package.name}/{package.release or own}": package for package in PACKAGES}
    missing = {key: package for key, package in wanted.items() if not is_whole(manifest.get(key))}
    problems = []
    if missing:
        releases = sorted({package.release or own for package in missing.values()})
        apt = PrivateApt(GUESTS / ".apt", debian_site(own), releases)
        apt.update()
        for key, package in missing.items():
            try:
                manifest[key] = install(package, package.release or own, apt)
                print(f"guests: {key} {manifest[key]['version']}")
            except FetchError as error:
                problems.append(f"{key}: {error}")
        manifest_file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        shutil.rmtree(apt.root)
    return problems


def install_qemu() -> str:
    """Install the emulator that benchmarks compare with, where that is possible; a line about it otherwise."""
    if shutil.which("qemu-system-riscv64"):
        return ""
    if os.geteuid() == 0:
        try:
            run("apt-get", "install", "-q", "-y", "--no-install-recommends", "qemu-system-misc")
            return ""
        except FetchError as error:
            return f"qemu-system-misc could not be installed ({error}): comparisons with QEMU will not run"
    return "qemu-system-misc is not installed, and only root may install it: comparisons with QEMU will not run"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--force", action="store_true", help="fetch again what is already there")
    force = parser.parse_args().force
    try:
        problems = fetch(force)
    except (FetchError, OSError, ValueError) as error:
        problems = [str(error)]
    for problem in problems:
        print(f"guests: {problem}", file=sys.stderr)
    note = install_qemu()
    if note:
        print(f"guests: {note}", file=sys.stderr)
    if not problems:
        print(f"guests: all in {GUESTS}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
