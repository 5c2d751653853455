"""The log of `-d`: one table of items, and the writer of a block's way from guest bytes to host bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TextIO

Op = tuple[int, ...]
#: code and its address -> lines of text
Disassembler = Callable[[bytes, int], list[str]]

#: item -> what it logs. `-d help`, the option's check and the manual derive from it.
ITEMS = {
    "in_asm": "guest instructions of each block that is translated",
    "op": "TCG ops of each block, as the frontend made them",
    "op_opt": "TCG ops of each block, optimised and allocated",
    "out_asm": "host instructions of each block",
    "int": "interrupts and exceptions as they are taken",
}


def parse_items(text: str) -> frozenset[str]:
    """The items of a `-d` argument. Raises ValueError with one clear line for an unknown one."""
    items = frozenset(part for part in text.split(",") if part)
    unknown = sorted(items.difference(ITEMS))
    if unknown:
        raise ValueError(f"-d: unknown log item '{unknown[0]}' (items: {','.join(ITEMS)})")
    return items


def help_text() -> str:
    """The text of `-d help`."""
    return "Log items (comma-separated):\n" + "\n".join(f"{name:<12}{text}" for name, text in ITEMS.items())


class Log:
    """Where log lines go: a file, or stderr."""

    def __init__(self, items: frozenset[str], path: str | None = None) -> None:
        self.items = items
        self.stream: TextIO = sys.stderr
        if path:
            self.stream = TextIOWrapper(BufferedWriter(FileIO(path, "w")), encoding="utf-8")

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

    def block(self, guest: bytes, flags: int, ops: Sequence[Op], final: Sequence[Op]) -> None:
        """Log the guest's side of a translation: its bytes, its ops, and those that the backend gets."""
        items, write = self.log.items, self.log.write
        if "in_asm" in items:
            write(
                f"----------------\nIN: flags={flags:#x}\n" + "\n".join(self.disassemble_guest(guest, self.pc)) + "\n"
            )
        if "op" in items:
            write("OP:\n" + self.print_ops(ops) + "\n")
        if "op_opt" in items:
            write("OP after optimisation and register allocation:\n" + self.print_ops(final) + "\n")

    def host(self, blob: bytes, entry: int) -> None:
        """Log the host's side: stubs, then hot code from `entry` on. Addresses are relative to the entry."""
        if "out_asm" in self.log.items and self.disassemble_host:
            lines = self.disassemble_host(blob[entry:], 0)
            stubs = self.disassemble_host(blob[: entry - 8], 8 - entry)
            self.log.write(f"OUT: [size={len(blob)}]\n" + "\n".join(lines))
            self.log.write("  -- stubs\n" + "\n".join(stubs) + "\n")
