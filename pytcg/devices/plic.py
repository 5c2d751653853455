"""Platform-level interrupt controller.

Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Self

from pytcg.devices.base import InterruptController, Line, Wiring
from pytcg.devices.registers import RegisterArray

MAX_SOURCES = 1023
#: seven priorities, as on the SiFive parts; 0 never interrupts
PRIORITY_MASK = 7


class Plic(InterruptController):
    """Sources 1 to `sources`, with level-triggered gateways; one context for each of `targets`.

    Sets of sources are ints with bit n for source n.
    """

    compatible = ("sifive,plic-1.0.0", "riscv,plic0")
    state = ("levels", "pending_set", "claimed", "enabled")

    priority = RegisterArray(0x0, lambda self: [(self.sources + 1, 4)], mask=PRIORITY_MASK, doc="0 never interrupts")
    pending = RegisterArray(0x1000, lambda self: [(self.words, 4)], access="r", doc="a bit a source")
    enable = RegisterArray(0x2000, lambda self: [(self.contexts, 0x80), (self.words, 4)], doc="a bit a source")
    threshold = RegisterArray(0x200000, lambda self: [(self.contexts, 0x1000)], mask=PRIORITY_MASK)
    claim = RegisterArray(0x200004, lambda self: [(self.contexts, 0x1000)], doc="read: claim; write: complete")

    def __init__(self, targets: Sequence[Line], sources: int) -> None:
        if not 0 < sources <= MAX_SOURCES:
            raise ValueError(f"a PLIC has 1 to {MAX_SOURCES} sources, not {sources}")
        self.targets = targets
        self.sources = sources
        self.contexts = len(targets)
        self.words = sources // 32 + 1
        self._valid = (2 << sources) - 2
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        """Interrupts of the node: one a context, in order."""
        return cls(wiring.irqs, wiring.number("riscv,ndev", 0))

    def reset(self) -> None:
        super().reset()
        self.levels = 0
        self.pending_set = 0
        self.claimed = 0
        self.enabled = [0] * self.contexts
        self._update()

    def restored(self) -> None:
        self._update()

    def line(self, *cells: int) -> Line:
        if len(cells) != 1 or not 0 < cells[0] <= self.sources:
            raise ValueError(f"the PLIC has sources 1 to {self.sources}, not {cells}")
        return partial(self._set_level, cells[0])

    def _set_level(self, source: int, level: bool) -> None:
        bit = 1 << source
        if level == bool(self.levels & bit):
            return
        self.levels ^= bit
        # A request that the gateway has passed on stays pending if the level falls again, until it is claimed.
        if level and not (self.claimed | self.pending_set) & bit:
            self.pending_set |= bit
            self._update()

    @priority.writes
    def _set_priority(self, value: int, source: int) -> None:
        if source:
            self.priority[source] = value
            self._update()

    @pending.reads
    def _pending_word(self, word: int) -> int:
        return self.pending_set >> 32 * word & 0xFFFFFFFF

    @enable.reads
    def _enable_word(self, index: int) -> int:
        context, word = divmod(index, self.words)
        return self.enabled[context] >> 32 * word & 0xFFFFFFFF

    @enable.writes
    def _set_enable_word(self, value: int, index: int) -> None:
        context, word = divmod(index, self.words)
        kept = self.enabled[context] & ~(0xFFFFFFFF << 32 * word)
        self.enabled[context] = (kept | value << 32 * word) & self._valid
        self._update()

    @threshold.writes
    def _set_threshold(self, value: int, context: int) -> None:
        self.threshold[context] = value
        self._update()

    @claim.reads
    def _claim(self, context: int) -> int:
        source, _ = self._best(context)
        if source:
            self.pending_set &= ~(1 << source)
            self.claimed |= 1 << source
            self._update()
        return source

    @claim.writes
    def _complete(self, source: int, context: int) -> None:
        if not 0 < source <= self.sources:
            return
        bit = 1 << source
        if self.claimed & self.enabled[context] & bit:
            self.claimed &= ~bit
            if self.levels & bit:
                self.pending_set |= bit
                self._update()

    def _best(self, context: int) -> tuple[int, int]:
        """The pending, enabled source of highest priority, then lowest number, and its priority; (0, 0) for none."""
        candidates = self.pending_set & self.enabled[context]
        best, highest = 0, 0
        priority = self.priority
        while candidates:
            source = (candidates & -candidates).bit_length() - 1
            candidates &= candidates - 1
            if priority[source] > highest:
                best, highest = source, priority[source]
        return best, highest

    def _update(self) -> None:
        for context, target in enumerate(self.targets):
            target(self._best(context)[1] > self.threshold[context])
