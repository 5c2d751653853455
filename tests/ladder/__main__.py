"""The long form: `python -m tests.ladder --minutes N [--seed S] [--backends x86_64,tci]`."""

from __future__ import annotations

import argparse
import time
from collections import Counter

from tests.ladder.compare import Difference, Ladder

#: programs after which the boards are built anew: what was translated is remembered for good
RENEW = 4000


def main() -> int:
    """Compare until the time is over; each difference is printed. The number of differences."""
    parser = argparse.ArgumentParser(prog="python -m tests.ladder")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--backends", default="x86_64,tci")
    parser.add_argument("--most", type=int, default=20, help="differences after which to stop")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    end = time.monotonic() + 60 * options.minutes
    count: Counter[str] = Counter()
    programs = differences = 0
    seed = options.seed
    while time.monotonic() < end and differences < options.most:
        ladder = Ladder(seed, tuple(options.backends.split(",")))
        seed += 1
        for _ in range(RENEW):
            programs += 1
            try:
                ladder.one()
            except Difference as difference:
                differences += 1
                print(difference, end="\n\n", flush=True)
            if time.monotonic() > end or differences == options.most:
                break
        count += ladder.count
    print(f"{programs} programs, {sum(count.values())} instructions, {differences} differences")
    print("least compared:", ", ".join(f"{label} {n}" for label, n in reversed(count.most_common()[-8:])))
    return min(differences, 1)


raise SystemExit(main())
