"""What the boot loader has put where in guest physical memory, kept free of overlaps."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from typing import NamedTuple

from pytcg.machine.boot.contents import Contents
from pytcg.machine.boot.elf import Elf
from pytcg.machine.errors import MachineError


def align_up(value: int, alignment: int) -> int:
    """The next multiple of a power of two."""
    return (value + alignment - 1) & -alignment


def _address(piece: Piece) -> int:
    return piece.address


def in_mib(size: int) -> str:
    """A size for a message."""
    return f"{size / (1 << 20):.4g} MiB"


class Piece(NamedTuple):
    """Bytes for an address, and the memory they claim there; `name` is for messages."""

    name: str
    address: int
    data: Contents
    size: int

    @property
    def end(self) -> int:
        return self.address + self.size


@dataclass
class Layout:
    """Pieces within the memory from `start` to `end`, or in ROM outside of it."""

    start: int
    end: int
    pieces: list[Piece] = field(default_factory=list)
    #: those that `put` has put, by address
    _ordered: list[Piece] = field(default_factory=list)

    def put(self, name: str, address: int, data: Contents, size: int = 0) -> Piece:
        """Claim memory for `data` (and zeroes up to `size`). Raises MachineError where it does not fit or overlaps."""
        piece = Piece(name, address, data, max(size, len(data)))
        if not self.start <= address <= piece.end <= self.end:
            if self.start <= address and piece.end > self.end:
                memory = in_mib(self.end - self.start)
                raise MachineError(
                    f"not enough memory: {name} needs {in_mib(piece.size)} at {address:#x}, and -m gives {memory}"
                )
            raise MachineError(
                f"{name} belongs at {address:#x}, and memory is from {self.start:#x} to {self.end - 1:#x}"
            )
        at = bisect(self._ordered, address, key=_address)
        for other in self._ordered[max(at - 1, 0) : at + 1]:
            if piece.address < other.end and other.address < piece.end:
                raise MachineError(
                    f"{name} ({address:#x} to {piece.end - 1:#x}) overlaps "
                    f"{other.name} ({other.address:#x} to {other.end - 1:#x})"
                )
        if piece.size:
            self._ordered.insert(at, piece)
        self.pieces.append(piece)
        return piece

    def put_elf(self, name: str, elf: Elf) -> int:
        """Claim memory for all segments of an executable; the address after the last."""
        return max(self.put(name, part.address, part.data, part.size).end for part in elf.segments)

    def covers(self, address: int) -> bool:
        """Whether some piece holds the byte at an address."""
        return any(piece.address <= address < piece.end for piece in self.pieces)
