"""pytcg beside QEMU, on the same images in one run: the table of `make bench`.

    python -m benchmarks [-n RUNS] [--only PART]... [--program NAME]... [--json FILE] [--markdown FILE]

A ratio is pytcg's median over QEMU's: below 1 is faster. CPU seconds are those of the whole process, all threads.
Where the work is plain user code, Unicorn runs the same ELF file without a kernel.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import guests, measure
from benchmarks.console import ConsoleError
from benchmarks.report import HEADER, ChecksumError, compare, line, markdown, translation_lines
from benchmarks.sample import UNICORN, Samples

PARTS: dict[str, str] = {
    "start": "start-up",
    "boot": "boot",
    "warm": "boot, translations on disk",
    "demo": "loops of the demo kernel",
    "userland": "programs under Linux",
    "scaling": "several harts",
}


def main() -> int:
    """The command line. 1 where an emulator failed or the two computed different things."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", "--runs", type=int, default=3, help="runs of each emulator (default 3)")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part only")
    parser.add_argument("--program", action="append", default=[], help="only this loop or program of demo, userland")
    parser.add_argument("--json", type=Path, default=guests.BUILD / "results.json", help="machine-readable copy")
    parser.add_argument("--markdown", type=Path, help="write the tables of docs/performance.md to this file, too")
    options = parser.parse_args()
    for needed, why in (
        (shutil.which("qemu-system-riscv64"), "qemu-system-riscv64 is not installed"),
        (guests.DEBIAN_KERNEL.exists(), "the guests are not there"),
    ):
        if not needed:
            print(f"benchmarks: {why}: run `make guests`", file=sys.stderr)
            return 1
    parts: dict[str, Callable[[str], Samples]] = {
        "start": measure.start,
        "boot": measure.boot,
        "warm": measure.warm,
        "demo": partial(measure.demo, wanted=options.program),
        "userland": partial(measure.userland, wanted=options.program),
        "scaling": measure.scaling,
    }
    # what an earlier version of pytcg left is of no use
    shutil.rmtree(guests.BUILD / "translations", ignore_errors=True)
    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "runs": options.runs}
    tables = []
    print(HEADER)
    try:
        for part in options.only or PARTS:
            besides = [UNICORN] if part == "userland" else []
            runs: dict[str, list[Samples]] = {emulator: [] for emulator in (*guests.EMULATORS, *besides)}
            for _ in range(options.runs):
                for emulator, samples in runs.items():
                    samples.append(parts[part](emulator))
            rows = results[part] = compare(runs)
            tables.append(markdown(rows, PARTS[part]))
            print(PARTS[part], *(line(name, row) for name, row in rows.items()), sep="\n", flush=True)
            if part == "boot":
                figures = results["translation"] = measure.translation()
                print(translation_lines(figures), flush=True)
    except (ConsoleError, ChecksumError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text("\n".join(tables))
    print(f"machine-readable: {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
