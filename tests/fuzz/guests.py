"""Guests that mean harm, one after the other on one machine: `python -m tests.fuzz.guests --seconds N [--seed S]`.

Each runs for some milliseconds on two harts of `virt`, with devices in its slots and little code memory, on what the
ones before have left of translations. Then the vCPUs must stop, and now and then a program that means well must work.
The seed of each is printed first, so that the last line tells which one has ended the process.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import tempfile
import time
from pathlib import Path

from pytcg.machine.machine import Machine
from pytcg.machine.options import Accelerator
from tests.fuzz.harm import ANSWERS, HARTS, RAM, RAM_SIZE, Harm, answers, sane
from tests.fuzz.machines import machine

#: how long a program runs, in ms, and after how many programs one that works is run
SLICES = (1, 3, 10, 30)
SANE_EVERY = 12
#: seconds that vCPUs get to stop, and the program that works to end, on a machine that has other things to do
PATIENCE = 30
POLL_NS = 5_000_000


class Failure(Exception):
    """What a guest did to its host."""


class Director:
    """Runs programs until the time is over; all its work is done between turns of the event loop."""

    def __init__(self, machine: Machine, seconds: float, seed: int) -> None:
        self.machine = machine
        self.end = time.monotonic() + seconds
        self.seed = seed
        self.programs = 0
        self.rng = random.Random(seed)
        self.failure: Failure | None = None
        self.deadline = 0.0
        self.timer = machine.loop.timer(lambda: machine.between_turns(self.step))
        machine.between_turns(self.start_harm)

    def step(self) -> None:
        """A program has had its time."""
        try:
            if self.deadline:
                self._judge()
            else:
                self._stop()
                self._next()
        except Failure as failure:
            self.failure = failure
            self.machine.quit(1)

    def start_harm(self) -> None:
        """Begin with the next program that means harm."""
        print(self.seed, flush=True)
        self._start(Harm(self.seed).image(), self.rng.choice(SLICES) * 1_000_000)
        self.seed += 1
        self.programs += 1

    def _next(self) -> None:
        if time.monotonic() >= self.end:
            self.machine.quit(0)
        elif self.programs % SANE_EVERY:
            self.start_harm()
        else:
            self.programs += 1
            self.deadline = time.monotonic() + PATIENCE
            self._start(sane(), POLL_NS)

    def _start(self, image: bytes, ns: int) -> None:
        """Start an image, on a machine that is as after power-on, or has only its harts reset."""
        machine = self.machine
        if self.rng.random() < 0.2 or machine.status == "shutdown" or self.deadline:
            machine.restart()
        with machine.lock:
            machine.memory.load(RAM, image)
        machine.processors.overwritten(RAM, len(image))
        for cpu in machine.cpus:
            cpu.reset(machine.start)
        machine.cont()
        self.timer.arm(time.monotonic_ns() + ns)

    def _stop(self) -> None:
        self.machine.stop()
        for cpu in self.machine.cpus:
            if not cpu.join(PATIENCE):
                faulthandler.dump_traceback()
                raise Failure("a vCPU does not stop")

    def _judge(self) -> None:
        """Whether the program that works has done its work."""
        found = [self.machine.memory.read(RAM + ANSWERS + 8 * hart, 8).to_bytes(8, "little") for hart in range(HARTS)]
        if found == [answers(hart) for hart in range(HARTS)]:
            self.deadline = 0.0
            self._stop()
            self._next()
        elif time.monotonic() > self.deadline:
            raise Failure(f"a program that means well does not work: {found}")
        else:
            self.timer.arm(time.monotonic_ns() + POLL_NS)


def run(seconds: float, seed: int, backend: str) -> int:
    """Programs from a seed on; the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        made = machine(
            "virt",
            Path(folder),
            True,
            memory=RAM_SIZE,
            cpus=HARTS,
            stopped=True,
            accelerator=Accelerator(backend=backend, code_mib=1),
        )
        director = Director(made, seconds, seed)
        status = made.run()
        if director.failure:
            print(director.failure, file=sys.stderr)
        print(f"{director.programs} programs")
        return status


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guests")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--backend", default="")
    options = parser.parse_args()
    return run(options.seconds, options.seed, options.backend)


if __name__ == "__main__":
    sys.exit(main())
