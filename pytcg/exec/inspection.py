"""What a debugger or a monitor may ask of the vCPUs. No vCPU may run while it does; nothing of the guest changes."""

from __future__ import annotations

from typing import Any

from pytcg.exec.engine import Engine
from pytcg.frontend.guest import Mapping


class Inspection:
    """`cpu` is the number of a vCPU in all methods."""

    def __init__(self, engine: Engine[Any]) -> None:
        self.engine = engine
        self.guest = engine.guest

    def describe(self, cpu: int) -> str:
        """The registers, as text."""
        return self.guest.describe(self._env(cpu))

    def registers(self, cpu: int) -> dict[str, int]:
        """The registers by name."""
        return self.guest.registers(self._env(cpu))

    def is_halted(self, cpu: int) -> bool:
        """Whether the vCPU waits for an interrupt."""
        return bool(self._env(cpu).halted)

    def translate(self, cpu: int, address: int) -> int | None:
        """Physical address of a virtual one, as data; None where nothing is mapped."""
        return self.guest.debug_translate(self._env(cpu), address)

    def mappings(self, cpu: int) -> list[Mapping]:
        """What the page tables map."""
        return self.guest.mappings(self._env(cpu))

    def disassemble(self, code: bytes, address: int) -> list[str]:
        """Guest instructions as lines."""
        from pytcg.debug.disassemble import disassembler

        return disassembler(self.guest.name)(code, address)

    def state_hash(self) -> str:
        """A digest of all registers and of main RAM."""
        import hashlib

        digest = hashlib.sha256(self.engine.ram.buffer)
        for number in range(len(self.engine.cpus)):
            digest.update(repr(sorted(self.registers(number).items())).encode())
        return digest.hexdigest()[:32]

    def translation(self) -> dict[str, object]:
        """The counters of translation."""
        self.engine.code.count()
        found = self.engine.stats.as_dict(None)
        return {name: value for name, value in found.items() if isinstance(value, int | float)}

    def _env(self, cpu: int) -> Any:
        return self.engine.cpus[cpu].env
