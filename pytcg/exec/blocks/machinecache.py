"""Blocks in code memory, in a table that machine code shares."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any

from pytcg.exec.blocks.barrier import barrier_on_all_threads
from pytcg.exec.blocks.codecache import PAGE, CodeCache
from pytcg.exec.blocks.forms import Forms
from pytcg.exec.blocks.placing import HASH_SHIFT, MIX_PC, MIX_PHYSICAL
from pytcg.exec.blocks.store import FILE_LIMIT, WORTHWHILE, TranslationStore
from pytcg.exec.blocks.table import (
    BLOCKS,
    ENTRY,
    HOST,
    INSNS,
    KILLED,
    STITCHED_BLOCKS,
    STITCHED_BYTES,
    STITCHED_INSNS,
    TEMPLATE,
    TEMPLATES,
    USED,
    BlockTable,
)
from pytcg.exec.blocks.templates import guest_of, template_size
from pytcg.exec.host import MachineCodeHost
from pytcg.exec.stats import Stats
from pytcg.exec.translate import TranslatedBlock
from pytcg.frontend.guest import Guest
from pytcg.softmmu.regions import Ram
from pytcg.tcg.helpers import Helper
from pytcg.tcg.state import WORD, Env, env_class
from pytcg.tcg.types import MASK64


class MachineCodeCache(CodeCache[int]):
    """Blocks in code memory. Machine code places copies itself."""

    def __init__(
        self,
        host: MachineCodeHost,
        ram: Ram,
        stats: Stats,
        store: TranslationStore | None = None,
        guest: Guest | None = None,
    ) -> None:
        """`guest`: if blocks may be put together from units of its instructions."""
        super().__init__(ram, stats)
        self.host = host
        self.store = store
        #: the templates of earlier runs
        self.region = store.load() if store else None
        self.all_threads = barrier_on_all_threads()
        self.table = BlockTable(ram.size // PAGE)
        self.table.clear(*host.code_range())
        #: the state of no vCPU, for routines that Python calls
        self.env: Any = env_class(host.layout)(host.layout)
        self.env.ram_start, self.env.ram_end, self.env.code_map = ram.base, ram.end, self.code_map_address
        self.env.ram_addend = ram.host - ram.base
        host.attach(self.env)
        self.table.attach(self.env)
        at = {name: self.env.index + offset // WORD for name, offset in host.layout.offset.items()}
        self.pc, self.flags, self.arguments, self.result = at["pc"], at["flags"], at["arg"], at["ret"]
        self.forms = Forms(guest, host.runtime.backend, self.table, len(host.templates.bytes)) if guest else None
        self.remember_region()

    def remember_region(self) -> None:
        """Make the templates of earlier runs known to machine code."""
        if self.region:
            self.remember(self.region.address, self.region.end)
            self.stats.cached_blocks = self.table.counter(TEMPLATES)

    def remember(self, start: int, end: int) -> None:
        """Make the templates from one host address up to another known to machine code.

        Where no index is large enough, they are not found again once their blocks are dropped.
        """
        region = self.region
        while not self.enter(start, end) and self.table.grow_contents():
            if region is None or not region.address <= start < region.end:
                if region:
                    self.enter(region.address, region.end)
                if self.forms:
                    self.enter(*self.forms.extent())
                start = self.host.templates.address

    def enter(self, start: int, end: int) -> bool:
        """Enter templates into the index of contents; False if there is no room."""
        words, at = self.env.words, self.arguments
        words[at], words[at + 1] = start, end
        self.host.runtime.call(self.env.address, Helper.REMEMBER)
        reached: int = words[self.result]
        return reached >= end

    def make_room(self) -> None:
        if self.table.grow_blocks():
            self.generation += 1
            self.env.words[self.arguments] = self.table.entries.address
            self.host.runtime.call(self.env.address, Helper.REINDEX)
        else:
            self.flush()

    def close(self) -> None:
        """Keep what was translated and compiled for later runs. No vCPU may run."""
        self.host.helpers.save()
        stitched = self.forms.made() if self.forms else memoryview(b"")
        fresh = [self.host.templates.made(), stitched]
        number = sum(map(len, fresh))
        if self.store and (number >= WORTHWHILE or (number and not self.region)):
            old = [self.region.data] if self.region else []
            if number + sum(map(len, old)) > FILE_LIMIT:
                old = self.used_of_region()
            self.store.save([*old, *fresh] if number + sum(map(len, old)) <= FILE_LIMIT else fresh)

    def used_of_region(self) -> list[memoryview]:
        """Those templates of earlier runs from which blocks are placed."""
        region, table = self.region, self.table
        if region is None:
            return []
        placed = table.entries.words[TEMPLATE // WORD : table.counter(USED) * ENTRY // WORD : ENTRY // WORD]
        offsets = sorted(at - region.address for at in set(placed.tolist()) if region.address <= at < region.end)
        return [region.data[at : at + template_size(region.data, at)] for at in offsets]

    def attach(self, env: Env) -> None:
        super().attach(env)
        self.table.attach(env)

    def barrier(self) -> None:
        if len(self.envs) > 1:
            self.all_threads()

    def place(self, pc: int, flags: int, block: TranslatedBlock[int], physical: int, second_page: int) -> int:
        start = perf_counter_ns()
        self.note_code(physical, second_page or physical)
        words, at = self.env.words, self.arguments
        words[self.pc], words[self.flags] = pc, flags
        if block.fresh:
            block.fresh = False
            self.remember(block.code, block.code + 1)
        words[at], words[at + 1], words[at + 2] = block.code, physical, second_page
        self.host.runtime.call(self.env.address, Helper.PLACE)
        host: int = words[self.result]
        self.stats.stage["link"] += perf_counter_ns() - start
        return host

    def known(self, env: Env) -> tuple[TranslatedBlock[int], int] | None:
        first = env.index + self.arguments - self.env.index
        template, second_page = env.words[first + 3], env.words[first + 2]
        if not template:
            return None
        guest, insns = guest_of(template)
        return TranslatedBlock(guest, insns, template, fresh=False), second_page

    def learn(self, env: Env) -> bool:
        if self.forms is None:
            return False
        start = perf_counter_ns()
        learned = self.forms.learn(env)
        self.stats.stage["forms"] += perf_counter_ns() - start
        return learned

    def forget_translations(self) -> None:
        if self.forms:
            self.forms.forget_templates()
        self.host.templates.clear()
        self.table.forget_templates()
        self.remember_region()

    def find(self, pc: int, physical: int, flags: int, second_page: int) -> int:
        index, entries = self.table.blocks, self.table.entries
        words, mask = index.memory.words, index.size - 1
        slot = (pc * MIX_PC + physical * MIX_PHYSICAL & MASK64) >> HASH_SHIFT + 3 & mask
        while address := words[slot]:
            at = (address - entries.address) // WORD
            if entries.words[at : at + 3].tolist() == [pc, physical | 1, flags | second_page]:
                return int(entries.words[at + HOST // WORD])
            slot = slot + 1 & mask
        return 0

    def drop(self, physical: int, size: int, changed: bool = False) -> int:
        words, at = self.env.words, self.arguments
        words[at], words[at + 1], words[at + 2], words[at + 3] = physical, size, changed, self.host.dead
        self.host.runtime.call(self.env.address, Helper.INVALIDATE)
        return int(words[self.result])

    def drop_elsewhere(self) -> None:
        words, at = self.env.words, self.arguments
        words[at], words[at + 3] = self.table.entries.address, self.host.dead
        self.host.runtime.call(self.env.address, Helper.INVALIDATE_ELSEWHERE)

    def drop_all(self) -> None:
        self.table.clear(*self.host.code_range())

    def count(self) -> None:
        self.stats.blocks = self.table.counter(BLOCKS)
        self.stats.translated_insns = self.table.counter(INSNS)
        self.stats.host_bytes = self.host.templates.code_bytes + self.table.counter(STITCHED_BYTES)
        self.stats.stitched_blocks = self.table.counter(STITCHED_BLOCKS)
        self.stats.stitched_insns = self.table.counter(STITCHED_INSNS)
        self.stats.invalidated = self.table.counter(KILLED)
