"""Medians and ratios of samples, as a table for a person and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.sample import UNICORN, Sample, Samples

Figures = dict[str, Any]
#: of one name: `pytcg`, `qemu`, `ratio`, `samples`; where the work is plain user code `unicorn` and `ratio_unicorn`
Row = dict[str, Any]
COLUMNS = ("cpu", "wall", "guest_ms", "rss_mib")
HEADER = f"{'':22}{'CPU s':>16}{'ratio':>8}   {'wall s':>16}{'ratio':>8}   {'guest ms':>14}{'ratio':>8}\n" + (
    f"{'':22}{'pytcg':>8}{'QEMU':>8}{'':8}   {'pytcg':>8}{'QEMU':>8}{'':8}   {'pytcg':>7}{'QEMU':>7}"
)


class ChecksumError(Exception):
    """A program computed something else than in another run."""


def medians(samples: list[Sample]) -> Figures:
    """The median of each figure that the samples have. Raises ChecksumError where they did not compute the same."""
    figures: Figures = {}
    for column in COLUMNS:
        values = [value for sample in samples if (value := getattr(sample, column)) is not None]
        if values:
            figures[column] = median(values)
    checksums = {sample.checksum for sample in samples}
    if len(checksums) > 1:
        raise ChecksumError(", ".join(sorted(checksums)))
    return figures | ({"checksum": checksums.pop()} if checksums != {""} else {})


def compare(runs: dict[str, list[Samples]]) -> dict[str, Row]:
    """Emulator -> its runs, to name -> medians of each emulator, ratios of pytcg to QEMU, and all samples.

    Raises ChecksumError.
    """
    out: dict[str, Row] = {}
    for name in runs["pytcg"][0]:
        by = {
            emulator: found
            for emulator, samples in runs.items()
            if (found := [run[name] for run in samples if name in run])
        }
        try:
            medians([sample for samples in by.values() for sample in samples])
        except ChecksumError as error:
            raise ChecksumError(f"{name}: {error}") from None
        figures = {emulator: medians(samples) for emulator, samples in by.items()}
        ratios = {
            column: round(figures["pytcg"][column] / figures["qemu"][column], 3)
            for column in COLUMNS
            if column in figures["pytcg"] and figures["qemu"].get(column)
        }
        samples = {emulator: [asdict(sample) for sample in found] for emulator, found in by.items()}
        out[name] = {**figures, "ratio": ratios, "samples": samples}
        if UNICORN in figures:
            out[name]["ratio_unicorn"] = round(figures["pytcg"]["cpu"] / figures[UNICORN]["cpu"], 3)
    return out


def line(name: str, row: Row) -> str:
    """One row of the table."""
    text = f"{name:22}"
    for column, width, digits in (("cpu", 8, 3), ("wall", 8, 3), ("guest_ms", 7, 0)):
        ours, theirs, ratio = (row[key].get(column) for key in ("pytcg", "qemu", "ratio"))
        if ours is not None and theirs is not None:
            quotient = "" if ratio is None else f"{ratio:.2f}"
            text += f"{ours:{width}.{digits}f}{theirs:{width}.{digits}f}{quotient:>8}   "
    if "rss_mib" in row["ratio"]:
        ours, theirs = row["pytcg"]["rss_mib"], row["qemu"]["rss_mib"]
        text += f"beyond guest RAM: {ours:.0f} MiB, QEMU {theirs:.0f} MiB, ratio {row['ratio']['rss_mib']:.2f}"
    if UNICORN in row:
        text += f"Unicorn {row[UNICORN]['cpu']:.3f} CPU s, ratio {row['ratio_unicorn']:.2f}"
    return text.rstrip()


def markdown(rows: dict[str, Row], title: str) -> str:
    """The medians of one part as a table for docs/performance.md."""
    columns = ["pytcg, CPU s", "QEMU, CPU s", "ratio", "ratio of wall time"]
    table = {
        name: [*(f"{row[emulator]['cpu']:.3f}" for emulator in ("pytcg", "qemu"))]
        + [f"{row['ratio'][column]:.2f}" for column in ("cpu", "wall")]
        for name, row in rows.items()
    }
    if any(UNICORN in row for row in rows.values()):
        columns += ["Unicorn, CPU s", "ratio to it"]
        for name, row in rows.items():
            table[name] += [f"{row[UNICORN]['cpu']:.3f}", f"{row['ratio_unicorn']:.2f}"] if UNICORN in row else ["", ""]
    lines = [[title, *columns], ["---"] * (len(columns) + 1), *([name, *cells] for name, cells in table.items())]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace("| --- ", "|---").replace("--- |", "---|")


def translation_lines(figures: dict[str, Any]) -> str:
    """The lines about translation, from `--stats=json`."""
    stages, seconds = figures["us_per_translated_insn_by_stage"], figures["seconds"]
    parts = ", ".join(f"{name} {value:.2f}" for name, value in stages.items())
    return (
        f"translation: {figures['us_per_translated_insn']} µs a guest instruction ({parts}); "
        f"{figures['translated_insns']} instructions in {figures['blocks']} blocks, "
        f"{figures['distinct_insns']} of them distinct, {figures['host_bytes_per_insn']} host bytes each\n"
        f"first guest instruction after {seconds['first_insn']} s; peak resident {figures['peak_rss_mib']} MiB"
    )
