"""Blocks as functions of the interpreter."""

from __future__ import annotations

from pytcg.backend.tci.interpreter import CompiledBlock
from pytcg.exec.blocks.codecache import PAGE, CodeCache
from pytcg.exec.stats import Stats
from pytcg.exec.translate import TranslatedBlock
from pytcg.softmmu.regions import CODE, Ram


class InterpretedCache(CodeCache[CompiledBlock]):
    """Functions of the interpreter by number. Every block is looked up before it runs, so dropping is forgetting."""

    def __init__(self, ram: Ram, stats: Stats) -> None:
        super().__init__(ram, stats)
        #: functions and the pc that they are for
        self.blocks: list[tuple[CompiledBlock, int]] = []
        self.numbers: dict[tuple[int, int, int, int], int] = {}
        #: page -> keys of `numbers`, with offset and guest bytes of what is in the page
        self.pages: dict[int, list[tuple[tuple[int, int, int, int], int, bytes]]] = {}

    def place(self, pc: int, flags: int, block: TranslatedBlock[CompiledBlock], physical: int, second_page: int) -> int:
        key = (pc, physical, flags, second_page)
        self.blocks.append((block.code, pc))
        number = self.numbers[key] = len(self.blocks)
        self.note_code(physical, second_page or physical)
        first = physical & PAGE - 1
        here = PAGE - first
        for page, start, guest in ((physical & -PAGE, first, block.guest[:here]), (second_page, 0, block.guest[here:])):
            if guest:
                self.pages.setdefault(page, []).append((key, start, guest))
        self.stats.blocks += 1
        self.stats.translated_insns += block.insns
        return number

    def find(self, pc: int, physical: int, flags: int, second_page: int) -> int:
        return self.numbers.get((pc, physical, flags, second_page), 0)

    def drop(self, physical: int, size: int, changed: bool = False) -> int:
        page, first = physical & -PAGE, physical & PAGE - 1
        blocks = self.pages.get(page, [])

        def spared(start: int, guest: bytes) -> bool:
            at = page - self.ram.base + start
            hit = start < first + size and start + len(guest) > first
            return not hit or (changed and self.ram.buffer[at : at + len(guest)] == guest)

        kept = [row for row in blocks if row[0] in self.numbers and spared(*row[1:])]
        killed = sum(self.numbers.pop(row[0], 0) > 0 for row in blocks if row not in kept)
        self.pages[page] = kept
        if not kept:
            self.code_map[(page - self.ram.base) >> 12] &= ~CODE
        self.stats.invalidated += killed
        return killed

    def drop_elsewhere(self) -> None:
        for page in [page for page in self.pages if not self.ram.base <= page < self.ram.end]:
            for key, _, _ in self.pages.pop(page):
                self.stats.invalidated += self.numbers.pop(key, 0) > 0

    def drop_all(self) -> None:
        self.blocks.clear()
        self.numbers.clear()
        self.pages.clear()
