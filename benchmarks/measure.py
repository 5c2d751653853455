"""What is measured: each function runs one emulator once and returns its figures by name."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import guests
from benchmarks.console import Mark, console
from benchmarks.sample import UNICORN, Sample, Samples

DEMO_PROMPT, SHELL_PROMPT = "pytcg> ", "~ # "
#: loop of the demo kernel -> how often it runs: long enough that translating it does not count
DEMO_LOOPS = {"integer": 20, "branchy": 10, "memory": 10, "calls": 4, "chase": 6, "pages": 2, "sort": 12, "hash": 10}
QUIT = "\x01x"


def between(before: Mark, after: Mark) -> Sample:
    """What passed between two moments."""
    return Sample(after.cpu - before.cpu, after.wall - before.wall)


def start(emulator: str) -> Samples:
    """`--version`, and the time to the first words of a guest of four instructions."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*guests.EMULATORS[emulator], "--version"], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    samples = {"version": Sample(cpu, time.monotonic() - begin)}
    with console(guests.first_words(emulator)) as guest:
        first = guest.expect("G")
    return samples | {"first words": Sample(first.cpu, first.wall)}


def boot(emulator: str) -> Samples:
    """Debian's kernel to the prompt of its BusyBox shell, nothing cached; resident memory without that of the guest."""
    return {"Debian to its shell": _to_shell(emulator, "off")}


def warm(emulator: str) -> Samples:
    """The same with the translations of an earlier boot on disk, as pytcg keeps them; QEMU keeps none."""
    directory = guests.BUILD / "translations"
    if emulator == "pytcg" and not directory.exists():
        command = guests.linux(emulator, guests.DEBIAN_INITRD, "rdinit=/bin/sh", *_cache(emulator, directory))
        with console(command) as guest:
            guest.expect(SHELL_PROMPT)
            guest.type("poweroff -f\r")
            guest.status()
    return {"Debian to its shell, warm": _to_shell(emulator, directory)}


def _cache(emulator: str, cache: Path | str) -> tuple[str, ...]:
    return ("-accel", f"tcg,cache={cache}") if emulator == "pytcg" else ()


def _to_shell(emulator: str, cache: Path | str) -> Sample:
    with console(guests.linux(emulator, guests.DEBIAN_INITRD, "rdinit=/bin/sh", *_cache(emulator, cache))) as guest:
        prompt = guest.expect(SHELL_PROMPT)
        rss = prompt.rss_mib - guest.resident_in_mapping(guests.RAM_MIB)
    return Sample(prompt.cpu, prompt.wall, rss_mib=rss)


def demo(emulator: str, wanted: Iterable[str] = ()) -> Samples:
    """The loops of the demo kernel."""
    samples = {}
    with console(guests.demo(emulator)) as guest:
        guest.expect(DEMO_PROMPT)
        for name in _chosen(DEMO_LOOPS, wanted):
            guest.type(f"bench {name} {DEMO_LOOPS[name]}")
            begin = guest.expect(f"{name} {DEMO_LOOPS[name]}")
            guest.type("\r")
            end = guest.expect(rf"bench {name} +(\d+) ms +checksum ([0-9a-f]{{16}})")
            samples[name] = replace(between(begin, end), guest_ms=int(end.match[1]), checksum=end.match[2])
    return samples


def userland(emulator: str, wanted: Iterable[str] = ()) -> Samples:
    """The programs of the benchmark initrd under Linux, in the order that its init has; with Unicorn, without Linux."""
    if emulator == UNICORN:
        # only this needs it to be installed
        from benchmarks import usermode

        guests.benchmark_initrd()
        return usermode.samples(guests.PROGRAM, wanted)
    samples = {}
    arguments = " ".join(["rdinit=/bench", *(("--", *wanted) if wanted else ())])
    with console(guests.linux(emulator, guests.benchmark_initrd(), arguments)) as guest:
        while (begin := guest.expect(r"begin (\w+)\s|Power down")).match[1]:
            name = begin.match[1]
            end = guest.expect(rf"{name} (\d+) ([0-9a-f]{{16}})")
            samples[name] = replace(between(begin, end), guest_ms=int(end.match[1]), checksum=end.match[2])
    return samples


def scaling(emulator: str) -> Samples:
    """Two processes that compute, on one hart and on two; the longest stall of one hart, alone and while the other

    translates.
    """
    samples = {}
    for harts, names in ((1, ("pair",)), (2, ("pair", "stall"))):
        arguments = " ".join(("rdinit=/bench --", *names))
        with console(guests.linux(emulator, guests.benchmark_initrd(), arguments, "-smp", str(harts))) as guest:
            for name in names:
                begin = guest.expect(f"begin {name}")
                if name == "stall":
                    alone = guest.expect(r"alone (\d+) us")
                    samples["alone, 2 harts"] = replace(between(begin, alone), guest_ms=int(alone.match[1]) / 1000)
                stall = guest.expect(r"stalled (\d+) us") if name == "stall" else None
                end = guest.expect(rf"{name} (\d+) ([0-9a-f]{{16}})")
                figure = int(stall.match[1]) / 1000 if stall else int(end.match[1])
                samples[f"{name}, {harts} hart{'s'[: harts - 1]}"] = replace(
                    between(begin, end), guest_ms=figure, checksum=end.match[2]
                )
    return samples


def _chosen(names: Iterable[str], wanted: Iterable[str]) -> list[str]:
    asked = list(wanted)
    return [name for name in names if name in asked or not asked]


def translation() -> dict[str, Any]:
    """The figures of `--stats=json` over the boot to the shell."""
    options = ("--stats=json", *_cache("pytcg", "off"))
    with console(guests.linux("pytcg", guests.DEBIAN_INITRD, "rdinit=/bin/sh", *options)) as guest:
        guest.expect(SHELL_PROMPT)
        guest.type(QUIT)
        figures: dict[str, Any] = json.loads(guest.expect(r'\{"[^\r\n]*\}').match[0])
    return figures
