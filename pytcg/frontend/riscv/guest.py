"""RISC-V as a guest: RV64 with the extensions of an ISA configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pytcg.frontend.guest import NO_EXTRAS, Extras, Guest, HelperFunction, Mapping, Translation
from pytcg.frontend.riscv import interrupts, mappings, mmu, registers, reset, traplog
from pytcg.frontend.riscv.bits import FLAG_COUNT
from pytcg.frontend.riscv.decoding import translator
from pytcg.frontend.riscv.helpers import HELPERS, RiscvHelper
from pytcg.frontend.riscv.isa import Isa, configure
from pytcg.frontend.riscv.state import LAYOUT, RiscvEnv
from pytcg.frontend.riscv.units import UNITS, word_classes
from pytcg.frontend.units import Units, WordClass
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.ops import Op
from pytcg.tcg.state import Layout


class RiscvGuest(Guest):
    """RV64 harts. `-cpu` strings are described in `isa.configure`."""

    name: ClassVar[str] = "riscv64"
    layout: ClassVar[Layout] = LAYOUT
    env_class: ClassVar[type[RiscvEnv]] = RiscvEnv
    register_names: ClassVar[tuple[str, ...]] = registers.X_NAMES + registers.F_NAMES
    hot_registers: ClassVar[tuple[int, ...]] = (15, 2, 14, 10, 8, 13, 11, 1, 12, 9)
    count_flag: ClassVar[int] = FLAG_COUNT
    helpers: ClassVar[list[HelperFunction | None]] = HELPERS
    units: ClassVar[Units] = UNITS
    helper_names: ClassVar[tuple[str, ...]] = tuple(
        {**{int(row): row.name for row in Helper}, **{int(row): row.name for row in RiscvHelper}}.get(number, "")
        for number in range(len(HELPERS))
    )

    def __init__(self, isa: Isa | None = None, extras: Extras = NO_EXTRAS) -> None:
        self.isa = isa or configure()
        self.extras = extras
        self._translator = translator(self.isa, extras)

    @property
    def configuration(self) -> str:
        return f"{self.name} {self.isa.string} {' '.join(self.isa.extensions)} {self.extras}"

    def translate(self, half: memoryview, index: int, flags: int, next_half: int = -1) -> Translation:
        return self._translator.translate(half, index, flags, next_half)

    def word_classes(self) -> dict[int, WordClass]:
        # Without C, whether a jump is misaligned is known when it is translated.
        return word_classes(self._translator.decoders) if self._translator.compressed else {}

    def translate_unit(self, words: Sequence[int], flags: int) -> tuple[list[Op], int]:
        return self._translator.translate_unit(words, flags)

    def reset(self, env: RiscvEnv, index: int, pc: int = 0) -> None:
        reset.reset(env, self.isa, index, pc)

    def probe(self, env: RiscvEnv, address: int, access: int, mode: int, size: int = 1) -> Action:
        return mmu.probe(env, address, access, mode, size)

    def raise_access_fault(self, env: RiscvEnv, address: int, access: int) -> Action:
        return mmu.raise_access_fault(env, address, access)

    def raise_misaligned(self, env: RiscvEnv, address: int, access: int) -> Action:
        return mmu.raise_misaligned(env, address, access)

    def interrupt(self, env: RiscvEnv) -> int:
        return interrupts.interrupt(env)

    def set_irq(self, env: RiscvEnv, mask: int, level: bool) -> int:
        return interrupts.set_mip(env, mask, level)

    def wire(self, mask: int) -> tuple[int, str] | None:
        return interrupts.WIRES.get(mask)

    def has_work(self, env: RiscvEnv) -> bool:
        return interrupts.has_work(env)

    def log_traps(self, env: RiscvEnv) -> None:
        env.trap_logging = 1

    def take_traps(self, env: RiscvEnv) -> list[tuple[str, str]]:
        return traplog.take_traps(env)

    def describe(self, env: RiscvEnv) -> str:
        return registers.describe(env)

    def registers(self, env: RiscvEnv) -> dict[str, int]:
        return registers.registers(env)

    def debug_translate(self, env: RiscvEnv, address: int) -> int | None:
        return mmu.debug_translate(env, address)

    def mappings(self, env: RiscvEnv) -> list[Mapping]:
        return mappings.mappings(env)
