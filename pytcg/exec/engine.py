"""What the vCPUs of a machine share: translator, code cache, the slow path of memory, and stopping the world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING, Generic

from pytcg.exec.blocks.codecache import CodeCache
from pytcg.exec.blocks.templates import TemplatesFull
from pytcg.exec.parts import Parts
from pytcg.exec.slowmem import SlowMemory
from pytcg.exec.translate import Code, TranslatedBlock, Translator
from pytcg.softmmu.regions import Rom
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.state import FETCH, IRQ_LOOP, ONE_INSN, WORD, Env
from pytcg.tcg.types import MASK64

if TYPE_CHECKING:
    from pytcg.exec.cpu import Cpu

PAGE = 4096
FLAGS_MASK = 0xFFF


class Engine(Generic[Code]):
    """The compiler and memory side of a machine, shared by its vCPUs."""

    def __init__(self, parts: Parts, translator: Translator[Code], code: CodeCache[Code]) -> None:
        self.parts = parts
        self.guest = guest = parts.guest
        self.helpers = parts.helpers
        self.memory = parts.memory
        self.ram = parts.ram
        self.stats = parts.stats
        self.translator = translator
        self.code = code
        self.slow = SlowMemory(guest, parts.memory, parts.ram, code, parts.lock)
        self.tlb_miss = parts.helpers[Helper.TLB_MISS]
        at = {name: offset // WORD for name, offset in guest.layout.offset.items()}
        self.pc, self.flags, self.insn_pc = at["pc"], at["flags"], at["insn_pc"]
        self.cpus: list[Cpu] = []
        self.world = Condition()
        self.paused = False

    def attach(self, cpu: Cpu) -> None:
        """Take a new vCPU in: its state learns where main RAM and the tables are."""
        self.cpus.append(cpu)
        env, ram = cpu.env, self.ram
        env.ram_start, env.ram_end, env.ram_addend = ram.base, ram.end, ram.host - ram.base
        shared = self.memory.shared
        env.register_cells, env.register_ring = shared.cells.address, shared.ring.address
        env.register_bell = shared.bell
        self.code.attach(env)

    def block_for(self, env: Env) -> int:
        """What runs the block at env.pc under env.flags, translated and placed now if need be: see `CodeCache.place`.

        0: a guest exception was raised instead and env.pc has moved, or the code memory was flushed; look again.
        """
        words, base = env.words, env.index
        pc: int = words[base + self.pc]
        flags = words[base + self.flags] & FLAGS_MASK
        words[base + self.insn_pc] = pc
        physical = self.fetch_address(env, pc)
        if physical is None:
            return 0
        ram = self.ram
        offset = physical & PAGE - 1
        at = physical - offset - ram.base
        page = ram.buffer[at : at + PAGE] if 0 <= at < ram.size else self.rom_page(physical)
        if page is None:
            self.guest.raise_access_fault(env, pc, FETCH)
            return 0
        translator, code = self.translator, self.code
        if translator.log is not None:
            translator.log.pc = pc
        second_page = 0
        known = code.known(env)
        if known:
            block, second_page = known
        elif self.learn(env):
            return 0
        else:
            try:
                found = translator.find(page, offset, flags, -1)
                if found is None:
                    across = self.find_across(env, pc, page, offset, flags)
                    if across is None:
                        return 0
                    block, second_page = across
                else:
                    block = found
            except TemplatesFull:
                with self.exclusive():
                    code.flush()
                    code.forget_translations()
                return 0
        if flags & ONE_INSN and len(block.guest) > 2 and not second_page and self.fetch_address(env, pc + 2) is None:
            return 0
        with code.lock:
            generation = code.generation
            host = code.find(pc, physical, flags, second_page) or code.place(pc, flags, block, physical, second_page)
            if host and len(self.cpus) > 1 and self.has_changed(block.guest, page, offset, second_page):
                code.store_into_code(physical, 1)
                return 0
        if not host:
            with self.exclusive():
                if code.generation == generation:
                    code.make_room()
        return host

    def learn(self, env: Env) -> bool:
        """See `CodeCache.learn`."""
        with self.translator.lock:
            return self.code.learn(env)

    def has_changed(self, guest: bytes, page: memoryview, offset: int, second_page: int) -> bool:
        """Whether another vCPU has written to the code of a block since it was read.

        Stores are only seen from when the block was placed on.
        """
        here = len(guest) - 2 if second_page else len(guest)
        if page[offset : offset + here] != guest[:here]:
            return True
        return bool(second_page) and self.slow.read_physical(second_page, 2) != guest[here:]

    def find_across(
        self, env: Env, pc: int, page: memoryview, offset: int, flags: int
    ) -> tuple[TranslatedBlock[Code], int] | None:
        """The block of an instruction that goes on in the next page, and the physical address of that page."""
        after = (pc | (PAGE - 1)) + 1 & MASK64
        second = self.fetch_address(env, after)
        if second is None:
            return None
        at = second - self.ram.base
        next_page = self.ram.buffer[at : at + PAGE] if 0 <= at < self.ram.size else self.rom_page(second)
        if next_page is None:
            self.guest.raise_access_fault(env, after, FETCH)
            return None
        block = self.translator.find(page, offset, flags, next_page[0] | next_page[1] << 8)
        assert block is not None
        return block, second if offset + len(block.guest) > PAGE else 0

    def fetch_address(self, env: Env, pc: int) -> int | None:
        """Guest physical address of `pc` for fetching; None when a guest exception was raised."""
        mode = env.words[env.index + self.flags] >> 2 & 3
        addend = env.translation(mode, FETCH, pc)
        if addend is not None:
            return pc + addend & MASK64
        env.arg[0], env.arg[1], env.arg[2] = pc, FETCH, mode
        action = self.tlb_miss(env)
        if action == Action.CONTINUE:
            return self.fetch_address(env, pc)
        if action == Action.JUMP or self.guest.probe(env, pc, FETCH, mode, 2) != Action.CONTINUE:
            return None
        physical: int = env.ret
        return physical

    def rom_page(self, physical: int) -> memoryview | None:
        """The page of a guest physical address outside main RAM; None where it is no memory that can be run from."""
        region, start = self.memory.find(physical), physical & -PAGE
        if not isinstance(region, Rom) or not region.base <= start <= region.end - PAGE:
            return None
        return region.buffer[start - region.base : start - region.base + PAGE]

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Run with every other vCPU at a safe point: between blocks, with nothing of the old code to go back to.

        The caller must itself be at a safe point and hold no lock that another vCPU may wait for.
        """
        with self.world:
            caller = [cpu for cpu in self.cpus if cpu.is_current_thread()]
            others = [cpu for cpu in self.cpus if cpu not in caller]
            for cpu in caller:
                cpu.running = False
            # Two that want the world at once: the second waits at its safe point, or the first would wait for it in
            # vain.
            self.world.notify_all()
            while self.paused:
                self.world.wait()
            self.paused = True
            try:
                while any(cpu.running for cpu in others):
                    for cpu in others:
                        cpu.request(IRQ_LOOP)
                    self.world.wait(0.01)
                yield
            finally:
                for cpu in caller:
                    cpu.running = True
                self.paused = False
                self.world.notify_all()

    def run_exclusive(self, action: Callable[[], None]) -> None:
        """`action()` while no vCPU runs."""
        with self.exclusive():
            action()
