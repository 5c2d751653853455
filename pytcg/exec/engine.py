"""What the vCPUs of a machine share: translator, code cache, the slow path of memory, and stopping the world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, RLock
from typing import TYPE_CHECKING, Generic

from pytcg.exec.codecache import CodeCache
from pytcg.exec.slowmem import SlowMemory
from pytcg.exec.stats import Stats
from pytcg.exec.translate import Code, Translator
from pytcg.frontend.guest import Guest, HelperFunction
from pytcg.softmmu.regions import AddressSpace, BusError, Ram
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.state import FETCH, TLB_ENTRIES, WORD, Env

if TYPE_CHECKING:
    from pytcg.exec.cpu import Cpu

PAGE = 4096
FLAGS_MASK = 0xFFF
PAGE_MASK = 0xFFFFFFFFFFFFF000


class Engine(Generic[Code]):
    """The compiler and memory side of a machine, shared by its vCPUs."""

    def __init__(
        self,
        guest: Guest,
        helpers: Sequence[HelperFunction],
        translator: Translator[Code],
        code: CodeCache[Code],
        memory: AddressSpace,
        ram: Ram,
        lock: RLock,
        stats: Stats,
    ) -> None:
        self.guest = guest
        self.helpers = helpers
        self.memory = memory
        self.ram = ram
        self.stats = stats
        self.translator = translator
        self.code = code
        self.slow = SlowMemory(guest, memory, ram, self.code, lock)
        self.tlb_miss = helpers[Helper.TLB_MISS]
        self.cpus: list[Cpu] = []
        self.world = Condition()
        self.paused = False

    def attach(self, cpu: Cpu) -> None:
        """Take a new vCPU in: its state learns where main RAM and the tables are."""
        self.cpus.append(cpu)
        env, ram = cpu.env, self.ram
        env.ram_start, env.ram_end, env.ram_addend = ram.base, ram.end, ram.host - ram.base
        self.code.attach(env)

    def block_for(self, env: Env) -> int:
        """Host address of the block at env.pc under env.flags, translated and placed now if need be.

        0: a guest exception was raised instead and env.pc has moved, or the code buffer was flushed; look again.
        """
        pc = env.pc
        flags = env.flags & FLAGS_MASK
        env.insn_pc = pc
        physical = self.fetch_address(env, pc)
        if physical is None:
            return 0
        page = self.page_at(physical)
        if page is None:
            self.guest.raise_access_fault(env, pc, FETCH)
            return 0
        translator = self.translator
        if translator.log is not None:
            translator.log.pc = pc
        offset = physical & (PAGE - 1)
        second_page = 0
        block = translator.find(page, offset, flags, -1)
        if block is None:
            after = (pc | (PAGE - 1)) + 1 & 0xFFFFFFFFFFFFFFFF
            second = self.fetch_address(env, after)
            if second is None:
                return 0
            next_page = self.page_at(second)
            if next_page is None:
                self.guest.raise_access_fault(env, after, FETCH)
                return 0
            block = translator.find(page, offset, flags, next_page[0] | next_page[1] << 8)
            assert block is not None
            if offset + len(block.guest) > PAGE:
                second_page = second
        code = self.code
        with code.lock:
            host = code.find(pc, physical, flags, second_page) or code.place(pc, flags, block, physical, second_page)
        if host:
            return host
        with self.exclusive():
            code.flush()
        return 0

    def fetch_address(self, env: Env, pc: int) -> int | None:
        """Guest physical address of `pc` for fetching; None when a guest exception was raised."""
        mode = env.flags >> 2 & 3
        at = env.index + env.layout.tlb(mode, FETCH) // WORD + (pc >> 12 & TLB_ENTRIES - 1) * 2
        if env.words[at] == pc & PAGE_MASK:
            return pc + env.words[at + 1] & 0xFFFFFFFFFFFFFFFF
        env.arg[0], env.arg[1], env.arg[2] = pc, FETCH, mode
        action = self.tlb_miss(env)
        if action == Action.CONTINUE:
            return pc + env.words[at + 1] & 0xFFFFFFFFFFFFFFFF
        if action == Action.JUMP or self.guest.probe(env, pc, FETCH, mode) != Action.CONTINUE:
            return None
        physical: int = env.ret
        return physical

    def page_at(self, physical: int) -> memoryview | None:
        """The 4096 bytes of the page of a guest physical address, where it can hold code."""
        ram = self.ram
        at = (physical & PAGE_MASK) - ram.base
        if 0 <= at < ram.size:
            return ram.buffer[at : at + PAGE]
        try:
            data = bytearray()
            for address in range(physical & PAGE_MASK, (physical | PAGE - 1) + 1, 8):
                data += self.memory.read(address, 8).to_bytes(8, "little")
        except BusError:
            return None
        return memoryview(data)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Run with every other vCPU at a safe point: between blocks, with nothing of the old code to go back to.

        The caller must itself be at a safe point and hold no lock that another vCPU may wait for.
        """
        with self.world:
            while self.paused:
                self.world.wait()
            self.paused = True
            caller_was = [cpu for cpu in self.cpus if cpu.is_current_thread()]
            others = [cpu for cpu in self.cpus if cpu not in caller_was]
            for cpu in caller_was:
                cpu.running = False
            while any(cpu.running for cpu in others):
                for cpu in others:
                    cpu.request_stop()
                self.world.wait(0.01)
            try:
                yield
            finally:
                for cpu in caller_was:
                    cpu.running = True
                self.paused = False
                self.world.notify_all()

    def run_exclusive(self, action: Callable[[], None]) -> None:
        """`action()` while no vCPU runs."""
        with self.exclusive():
            action()
