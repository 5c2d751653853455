"""The log of `-d`: one table of items, and the writer of a block's way from guest bytes to host bytes."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import TextIO

from pytcg.debug.symbols import Symbols

Op = tuple[int, ...]
#: code and its address -> lines of text
Disassembler = Callable[[bytes, int], list[str]]

#: item -> what it logs. `-d help`, the option's check and the manual derive from it.
ITEMS = {
    "in_asm": "guest instructions of each block that is translated",
    "op": "TCG ops of each block, as the frontend made them",
    "op_opt": "TCG ops of each block, optimised and allocated; of loops also as the backend rewrites them",
    "out_asm": "host instructions of each block",
    "int": "interrupts and exceptions as they are taken",
    "mmu": "of these, page and access faults",
    "strace": "of these, calls from user mode",
    "exec": "each block as it begins",
    "cpu": "the registers before each block",
    "nochain": "nothing, but no block is chained to the next: each exit is looked up",
    "page": "the memory map at the start",
    "unimp": "accesses of devices that there is no model of",
    "guest_errors": "accesses of physical addresses where nothing is, or that a device refuses",
}
#: what is logged of each translation, of each trap, and by the loggers "pytcg.ITEM"
TRANSLATION, TRAPS = frozenset(("in_asm", "op", "op_opt", "out_asm")), frozenset(("int", "mmu", "strace"))
LOGGERS = ("unimp", "guest_errors", "page")
#: how its file is opened
OPEN_LOG = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC
#: what can be switched on and off while the machine runs: the rest is for what is yet to be translated
SWITCHABLE = TRAPS | {"unimp", "guest_errors"}


NO_SYMBOLS = Symbols()


@dataclass(frozen=True)
class LogSettings:
    """Items of -d, the file of -D, the ranges of -dfilter (first and last address), and the guest's symbols."""

    items: frozenset[str]
    file: Path | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    symbols: Symbols = NO_SYMBOLS


def parse_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """The ranges of a `-dfilter` argument: A..B, A+SIZE or A-SIZE, comma-separated. Raises ValueError."""
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)(\.\.|[-+])(0[xX][0-9a-fA-F]+|\d+)", part)
        if match is None:
            raise ValueError(f"-dfilter: {part!r} is not a range such as 0x80000000..0x80000fff or 0x80000000+0x1000")
        first, last = int(match[1], 0), int(match[3], 0)
        if match[2] != "..":
            first, last = (first, first + last - 1) if match[2] == "+" else (first - last, first)
        if last < first:
            raise ValueError(f"-dfilter: {part} is an empty range")
        ranges.append((first, last))
    return tuple(ranges)


def parse_items(text: str) -> frozenset[str]:
    """The items of a `-d` argument. Raises ValueError with one clear line for an unknown one."""
    items = frozenset(part for part in text.split(",") if part)
    unknown = sorted(items.difference(ITEMS))
    if unknown:
        raise ValueError(f"-d: unknown log item '{unknown[0]}' (items: {','.join(ITEMS)})")
    return items


def help_text() -> str:
    """The text of `-d help`."""
    return "Log items (comma-separated):\n" + "\n".join(f"{name:<14}{text}" for name, text in ITEMS.items())


def _open(file: Path) -> TextIO:
    """A file to write to; %d in its name stands for the number of the process. Raises OSError."""
    # a pipe without a reader is an error, and nothing to wait for
    fd = os.open(str(file).replace("%d", str(os.getpid())), OPEN_LOG, 0o666)
    os.set_blocking(fd, True)
    return TextIOWrapper(BufferedWriter(FileIO(fd, "w")), encoding="utf-8")


class Log:
    """Where log lines go: a file, or stderr."""

    def __init__(self, settings: LogSettings) -> None:
        self.items = settings.items
        self.ranges = settings.ranges
        self.symbols = settings.symbols
        self.stream: TextIO = _open(settings.file) if settings.file else sys.stderr

    def wants(self, address: int) -> bool:
        """Whether -dfilter lets code at a guest address through."""
        return not self.ranges or any(first <= address <= last for first, last in self.ranges)

    def take_loggers(self) -> None:
        """Write what the loggers of the items in LOGGERS say, and not those of other items."""
        for name in LOGGERS:
            logger = logging.getLogger(f"pytcg.{name}")
            logger.handlers = [logging.StreamHandler(self.stream)] if name in self.items else []
            logger.setLevel(logging.DEBUG if name in self.items else logging.NOTSET)
            logger.propagate = name not in self.items

    def redirect(self, file: Path) -> None:
        """Write into another file from now on. Raises OSError."""
        stream = _open(file)
        self.close()
        self.stream = stream
        self.take_loggers()

    def write(self, text: str) -> None:
        """Write `text` as one or more lines."""
        self.stream.write(text + "\n")

    def close(self) -> None:
        """Flush, and close a file of our own."""
        self.stream.flush()
        if self.stream is not sys.stderr:
            self.stream.close()


class BlockLog:
    """Writes in_asm, op, op_opt and out_asm of one block after the other, each block in one place.

    `disassemble_guest(code, address)` and `disassemble_host(code, address)` give lines; the latter is None without
    machine code.
    """

    def __init__(
        self,
        log: Log,
        disassemble_guest: Disassembler,
        disassemble_host: Disassembler | None,
        print_ops: Callable[[Sequence[Op]], str],
    ) -> None:
        self.log = log
        self.disassemble_guest = disassemble_guest
        self.disassemble_host = disassemble_host
        self.print_ops = print_ops
        #: guest address for which the next block is translated
        self.pc = 0
        #: whether the block goes into the log
        self.wanted = True

    def block(self, guest: bytes, flags: int, ops: Sequence[Op], final: Sequence[Op]) -> None:
        """Log the guest's side of a translation: its bytes, its ops, and those that the backend gets."""
        self.wanted = self.log.wants(self.pc)
        if not self.wanted:
            return
        items, write = self.log.items, self.log.write
        if "in_asm" in items:
            name = self.log.symbols.name(self.pc)
            write(f"----------------\nIN: {name}{' ' if name else ''}flags={flags:#x}")
            write("\n".join(self.disassemble_guest(guest, self.pc)) + "\n")
        if "op" in items:
            write("OP:\n" + self.print_ops(ops) + "\n")
        if "op_opt" in items:
            write("OP after optimisation and register allocation:\n" + self.print_ops(final) + "\n")

    def rewritten(self, ops: Sequence[Op]) -> None:
        """Log the ops of a loop as the backend has rewritten them."""
        if self.wanted and "op_opt" in self.log.items:
            self.log.write("OP as the backend emits the loop:\n" + self.print_ops(ops) + "\n")

    def host(self, blob: bytes, entry: int) -> None:
        """Log the host's side: stubs, then hot code from `entry` on. Addresses are relative to the entry."""
        if self.wanted and "out_asm" in self.log.items and self.disassemble_host:
            lines = self.disassemble_host(blob[entry:], 0)
            stubs = self.disassemble_host(blob[: entry - 8], 8 - entry)
            self.log.write(f"OUT: [size={len(blob)}]\n" + "\n".join(lines))
            self.log.write("  -- stubs\n" + "\n".join(stubs) + "\n")
