"""All fuzzers for minutes: `python -m tests.fuzz --minutes N [SUBJECT...]`, which is `make soak`.

The subjects are the files of this folder, the ladder, and Linux under load where its kernel was fetched. They take
turns, each for an equal share of the time; what one of them finds is printed, and the rest goes on.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.guests import DEBIAN_KERNEL

HERE = Path(__file__).parent
#: at least so many minutes for a Linux, which takes half a minute to start
LEAST_LINUX = 1.0


def hypothesis(file: Path) -> Callable[[float], int]:
    """Runs the tests of a file, each time from another seed, until the minutes are over."""

    def run(minutes: float) -> int:
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            seed = f"--hypothesis-seed={random.getrandbits(32)}"
            command = ["-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", "--hypothesis-profile=soak", seed]
            if status := python(*command, str(file)):
                return status
        return 0

    return run


def module(name: str, least: float = 0) -> Callable[[float], int]:
    """Runs a module that takes --minutes."""
    return lambda minutes: python("-m", name, "--minutes", f"{max(minutes, least):g}")


def python(*arguments: str) -> int:
    return subprocess.run([sys.executable, *arguments], stdin=subprocess.DEVNULL, check=False).returncode


def subjects() -> dict[str, Callable[[float], int]]:
    """What runs for so many minutes, by name; each gives an exit status."""
    found = {file.stem.removeprefix("test_"): hypothesis(file) for file in sorted(HERE.glob("test_*.py"))}
    found["ladder"] = module("tests.ladder")
    if DEBIAN_KERNEL.is_file():
        found["linux"] = module("tests.soak", LEAST_LINUX)
    return found


def main() -> int:
    table = subjects()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("subjects", nargs="*", choices=[*table, []], metavar="SUBJECT", help=", ".join(table))
    options = parser.parse_args()
    chosen = options.subjects or list(table)
    failed = []
    for name in chosen:
        print(f"--- {name}", flush=True)
        if table[name](options.minutes / len(chosen)):
            failed.append(name)
    print(
        f"soak: {len(chosen)} subjects, " + (f"something was found by: {', '.join(failed)}" if failed else "all well")
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
