"""From guest bytes to host bytes, on one screen, and the memory of what was translated."""

from __future__ import annotations

import gc
from collections.abc import Callable
from threading import Lock
from time import perf_counter_ns
from typing import Generic, TypeVar

from pytcg.debug.log import BlockLog
from pytcg.exec.stats import Stats
from pytcg.frontend.guest import Guest
from pytcg.tcg.ops import Op
from pytcg.tcg.passes.counted_clock import counted_clock
from pytcg.tcg.passes.optimise import optimise, worth_it
from pytcg.tcg.regalloc import allocate

Code = TypeVar("Code")
#: from allocated ops, translation flags, offset in the page, guest bytes, number of guest instructions, and the first
#: PREFIX bytes from the offset on (fewer at the page's end) as a number, to code that can be placed anywhere
Make = Callable[[list[Op], int, int, bytes, int, int], Code]
#: distinct blocks after which what they left is exempt from garbage collection (a power of two)
FREEZE_EVERY = 512
#: leading guest bytes that, with flags and page offset, find the candidates for a block
PREFIX = 8


class TranslatedBlock(Generic[Code]):
    """The translation of some guest bytes under some flags at some page offset: host code free of addresses."""

    __slots__ = ("code", "fresh", "guest", "insns")

    def __init__(self, guest: bytes, insns: int, code: Code, fresh: bool = True) -> None:
        self.guest = guest
        self.insns = insns
        self.code = code
        #: not yet known to machine code
        self.fresh = fresh


class Translator(Generic[Code]):
    """Translates blocks, and may remember them by content: guest bytes, translation flags, page offset.

    `pool` are the operands that temporaries may be given. `remembers`: False where machine code finds what is known.
    """

    def __init__(
        self,
        guest: Guest,
        make: Make[Code],
        pool: tuple[int, ...],
        stats: Stats,
        log: BlockLog | None,
        remembers: bool = True,
        counted_time: bool = False,
    ) -> None:
        self.counted_time = counted_time
        self.guest = guest
        self.make = make
        self.pool = pool
        self.stats = stats
        self.log = log
        self.remembers = remembers
        self.known: dict[tuple[bytes, int], list[TranslatedBlock[Code]]] = {}
        # the guest's translator is not reentrant
        self.lock = Lock()

    def find(self, page: memoryview, offset: int, flags: int, next_half: int) -> TranslatedBlock[Code] | None:
        """The block that starts `offset` bytes into a page of guest memory, translated now if it was not yet.

        `page`: 4096 bytes. `next_half`: first 16 bits of the page that follows, or -1; None comes back where they are
        needed but were not given.
        """
        if not self.remembers:
            with self.lock:
                return self.translate(page, offset, flags, next_half)
        key = (bytes(page[offset : offset + PREFIX]), flags << 12 | offset)
        candidates = self.known.get(key)
        if candidates is None:
            candidates = self.known[key] = []
        for block in candidates:
            guest = block.guest
            end = offset + len(guest)
            if end <= 4096:
                if page[offset:end] == guest:
                    return block
            elif next_half >= 0 and guest == bytes(page[offset:]) + next_half.to_bytes(2, "little"):
                return block
        with self.lock:
            block_or_none = self.translate(page, offset, flags, next_half)
        if block_or_none is not None:
            candidates.append(block_or_none)
        return block_or_none

    def translate(self, page: memoryview, offset: int, flags: int, next_half: int) -> TranslatedBlock[Code] | None:
        """The way of the data: decode, optimise, allocate, emit."""
        start = perf_counter_ns()
        translation = self.guest.translate(page.cast("H"), offset >> 1, flags, next_half)
        if not translation.length:
            return None
        ops = translation.ops
        decoded = perf_counter_ns()
        temps = translation.temps
        if self.counted_time:
            ops = counted_clock(ops, self.guest.layout)
        if worth_it(ops):
            ops = optimise(ops)
        optimised = perf_counter_ns()
        if temps:
            ops = allocate(ops, temps, self.pool)
        if self.log is not None:
            self.log.block(bytes(page[offset : offset + translation.length]), flags, translation.ops, ops)
        allocated = perf_counter_ns()
        guest = bytes(page[offset : offset + translation.length])
        if len(guest) < translation.length:
            guest += next_half.to_bytes(2, "little")
        prefix = int.from_bytes(page[offset : offset + PREFIX], "little")
        code = self.make(ops, flags, offset, guest, translation.insns, prefix)
        emitted = perf_counter_ns()
        stats = self.stats
        stage = stats.stage
        stage["decode"] += decoded - start
        stage["optimise"] += optimised - decoded
        stage["allocate"] += allocated - optimised
        stage["emit"] += emitted - allocated
        stats.distinct_blocks += 1
        if not stats.distinct_blocks & FREEZE_EVERY - 1:
            # What was translated stays, and no collection need ever walk it.
            gc.freeze()
        stats.distinct_insns += translation.insns
        return TranslatedBlock(guest, translation.insns, code)
