"""Counters of a run, and how `--stats` prints them."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, field
from pathlib import Path
from time import CLOCK_BOOTTIME, clock_gettime_ns, perf_counter_ns

STAGES = ("decode", "optimise", "allocate", "emit", "forms", "link")


def process_start() -> int:
    """When this process began, by `perf_counter_ns`, to a tick of the kernel's clock: 10 ms (proc(5), starttime)."""
    try:
        fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return perf_counter_ns()
    began = int(fields[19]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return perf_counter_ns() - max(clock_gettime_ns(CLOCK_BOOTTIME) - began, 0)


@dataclass
class Stats:
    """What a run counts. Times are in nanoseconds of wall time of the thread that spent them."""

    timed: bool = False
    started: int = field(default_factory=process_start)
    blocks: int = 0
    translated_insns: int = 0
    distinct_blocks: int = 0
    cached_blocks: int = 0
    distinct_insns: int = 0
    #: further distinct blocks, which machine code put together, and their instructions
    stitched_blocks: int = 0
    stitched_insns: int = 0
    host_bytes: int = 0
    flushes: int = 0
    invalidated: int = 0
    first_insn: int = 0
    stage: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAGES, 0))
    #: of registers and memory at the end, where runs are to be the same
    state_hash: str = ""
    machine_code: int = 0
    idle: int = 0
    callbacks: dict[str, int] = field(default_factory=dict)
    callback_time: dict[str, int] = field(default_factory=dict)

    def callback(self, cause: str, spent: int) -> None:
        """Count one stay in Python of `spent` ns because of `cause`."""
        self.callbacks[cause] = self.callbacks.get(cause, 0) + 1
        self.callback_time[cause] = self.callback_time.get(cause, 0) + spent

    def as_dict(self, executed_insns: int | None) -> dict[str, object]:
        """The figures as one JSON-able object. `executed_insns` is None when blocks were not counted."""
        insns = max(self.translated_insns, 1)
        distinct_insns = self.distinct_insns + self.stitched_insns
        per_insn = {name: round(spent / insns / 1000, 3) for name, spent in self.stage.items()}
        seconds = {
            "total": round((perf_counter_ns() - self.started) / 1e9, 3),
            "translation": round(sum(self.stage.values()) / 1e9, 3),
            "machine_code": round(self.machine_code / 1e9, 3),
            "idle": round(self.idle / 1e9, 3),
            "first_insn": round(self.first_insn / 1e9, 3),
            **{f"callback_{cause}": round(spent / 1e9, 3) for cause, spent in sorted(self.callback_time.items())},
        }
        return {
            "blocks": self.blocks,
            "translated_insns": self.translated_insns,
            "distinct_blocks": self.distinct_blocks + self.stitched_blocks,
            "cached_blocks": self.cached_blocks,
            "distinct_insns": distinct_insns,
            "stitched_blocks": self.stitched_blocks,
            "stitched_insns": self.stitched_insns,
            "us_per_translated_insn": round(sum(self.stage.values()) / insns / 1000, 3),
            "us_per_translated_insn_by_stage": per_insn,
            "host_bytes_per_insn": round(self.host_bytes / max(distinct_insns, 1), 1),
            "executed_insns": executed_insns,
            **({"state_hash": self.state_hash} if self.state_hash else {}),
            "code_flushes": self.flushes,
            "blocks_invalidated": self.invalidated,
            "callbacks": dict(sorted(self.callbacks.items())),
            "seconds": seconds,
            "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }

    def as_json(self, executed_insns: int | None) -> str:
        """One line of JSON."""
        import json

        return json.dumps(self.as_dict(executed_insns))

    def as_text(self, executed_insns: int | None) -> str:
        """A table for a person: one figure a line, nested figures indented under their name."""
        lines = []
        for name, value in self.as_dict(executed_insns).items():
            if isinstance(value, dict):
                lines.append(name)
                lines += [f"  {key:<26}{number:>14}" for key, number in value.items()]
            else:
                lines.append(f"{name:<28}{'not counted' if value is None else value:>14}")
        return "\n".join(lines)
