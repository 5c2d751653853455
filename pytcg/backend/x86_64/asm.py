"""A small assembler with labels for the routines of the runtime."""

from __future__ import annotations

from pytcg.backend.x86_64 import encode as x


class Assembler:
    """Collects instructions; branches go to labels by 32-bit displacements, which `finish` fills in."""

    def __init__(self) -> None:
        self.code = bytearray()
        self.labels: dict[str, int] = {}
        self._fixups: list[tuple[int, str]] = []

    def __call__(self, *instructions: bytes) -> None:
        """Append instructions."""
        for instruction in instructions:
            self.code += instruction

    def label(self, name: str) -> None:
        """Name this place. Raises ValueError for a name already given."""
        if name in self.labels:
            raise ValueError(f"label {name} is defined twice")
        self.labels[name] = len(self.code)

    def _branch(self, opcode: bytes, name: str) -> None:
        self.code += opcode + bytes(4)
        self._fixups.append((len(self.code), name))

    def jump(self, name: str) -> None:
        """jmp to a label."""
        self._branch(x.JMP32, name)

    def jump_if(self, condition: int, name: str) -> None:
        """jcc to a label."""
        self._branch(x.jcc32(condition), name)

    def call(self, name: str) -> None:
        """Call of a label."""
        self._branch(x.CALL32, name)

    def finish(self) -> bytes:
        """The bytes. Raises KeyError for a label that is not defined."""
        for end, name in self._fixups:
            self.code[end - 4 : end] = (self.labels[name] - end).to_bytes(4, "little", signed=True)
        return bytes(self.code)
