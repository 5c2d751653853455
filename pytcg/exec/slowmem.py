"""Guest memory accesses that machine code leaves to Python: devices, page crossings, pages with translated code.

Both the machine-code loop and the interpreter come here. An access either completes or raises a guest exception, and is
never done in part: a store that crosses pages checks both before it writes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import RLock
from typing import Any

from pytcg.exec.blocks.codecache import CodeCache
from pytcg.frontend.guest import Guest
from pytcg.softmmu.regions import CODE, WATCHED, AddressSpace, BusError, Ram
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, READ, WRITE, Env
from pytcg.tcg.types import MASK64

PAGE = 4096
guest_errors = logging.getLogger("pytcg.guest_errors")


class SlowMemory:
    """The slow path of one machine: physical memory behind the guest's translation."""

    def __init__(self, guest: Guest, memory: AddressSpace, ram: Ram, code: CodeCache[Any], lock: RLock) -> None:
        self.guest = guest
        self.memory = memory
        self.ram = ram
        self.code = code
        self.lock = lock

    def load(self, env: Env, address: int, size: int, mode: int, physical: int = EMPTY) -> bytes | None:
        """The `size` bytes at a guest virtual address; None when a guest exception was raised instead.

        `physical`: the address that the first byte is known to have, and may be read at.
        """
        if physical == EMPTY or size > PAGE - (address & (PAGE - 1)):
            return self.each_page(env, address, size, mode, READ, lambda pa, at, n: self.read_physical(pa, n))
        try:
            return self.read_physical(physical, size)
        except BusError as error:
            guest_errors.debug("%s", error)
            self.guest.raise_access_fault(env, address, READ)
            return None

    def store(self, env: Env, address: int, data: bytes, mode: int, physical: int = EMPTY) -> bool:
        """Store bytes at a guest virtual address; False when a guest exception was raised instead.

        `physical`: the address that the first byte is known to have, and may be written at.
        """
        if physical == EMPTY or len(data) > PAGE - (address & (PAGE - 1)):

            def write(physical: int, at: int, size: int) -> bytes:
                self.write_physical(physical, data[at : at + size])
                return b""

            return self.each_page(env, address, len(data), mode, WRITE, write) is not None
        try:
            self.write_physical(physical, data)
        except BusError as error:
            guest_errors.debug("%s", error)
            self.guest.raise_access_fault(env, address, WRITE)
            return False
        return True

    def open_atomic(self, env: Env, address: int, size: int, mode: int, access: int) -> bool:
        """Let machine code do an aligned access itself: env.addend leads to main RAM. False: a guest exception.

        Translated code in the page is dropped first.
        """
        guest, ram = self.guest, self.ram
        if address & (size - 1):
            guest.raise_misaligned(env, address, access)
            return False
        if guest.probe(env, address, access, mode, size) != Action.CONTINUE:
            return False
        physical = env.ret
        if not ram.base <= physical < ram.end:
            guest.raise_access_fault(env, address, access)
            return False
        if access == WRITE:
            with self.code.lock:
                self.code.store_into_code(physical, size, everything=True)
        env.addend = ram.host + physical - ram.base - address
        return True

    def probe(self, env: Env, address: int, mode: int, access: int) -> bool:
        """Whether a byte could be accessed; False when a guest exception was raised."""
        if self.guest.probe(env, address, access, mode) != Action.CONTINUE:
            return False
        if self.memory.find(env.ret) is None:
            self.guest.raise_access_fault(env, address, access)
            return False
        return True

    def each_page(
        self,
        env: Env,
        address: int,
        size: int,
        mode: int,
        access: int,
        act: Callable[[int, int, int], bytes],
    ) -> bytes | None:
        """Translate the one or two pages of an access, then call act(physical, offset, size) for each and join."""
        first = PAGE - (address & (PAGE - 1))
        try:
            if size <= first:
                if self.guest.probe(env, address, access, mode, size) != Action.CONTINUE:
                    return None
                return act(env.ret, 0, size)
            pieces = []
            for at, count in ((0, first), (first, size - first)):
                start = address + at & MASK64
                if self.guest.probe(env, start, access, mode, count) != Action.CONTINUE:
                    return None
                if self.memory.find(env.ret) is None:
                    self.guest.raise_access_fault(env, start, access)
                    return None
                pieces.append((env.ret, at, count))
            return b"".join([act(*piece) for piece in pieces])
        except BusError as error:
            guest_errors.debug("%s", error)
            self.guest.raise_access_fault(env, address, access)
            return None

    def read_physical(self, physical: int, size: int) -> bytes:
        """Read within one page. Raises BusError."""
        ram = self.ram
        if ram.base <= physical <= ram.base + ram.size - size:
            at = physical - ram.base
            return bytes(ram.buffer[at : at + size])
        with self.lock:
            self.memory.shared.settle()
            return self.memory.read(physical, size).to_bytes(size, "little")

    def write_physical(self, physical: int, data: bytes) -> None:
        """Write within one page, dropping translated code that was overwritten. Raises BusError."""
        ram = self.ram
        size = len(data)
        if ram.base <= physical <= ram.base + ram.size - size:
            at = physical - ram.base
            ram.buffer[at : at + size] = data
            who = self.code.code_map[at >> 12]
            if who & CODE:
                with self.code.lock:
                    self.code.store_into_code(physical, size)
            if who & WATCHED:
                with self.lock:
                    ram.stored(physical, size)
        else:
            with self.lock:
                self.memory.shared.settle()
                self.memory.write(physical, size, int.from_bytes(data, "little"))
            if physical >> 12 in self.code.elsewhere:
                self.code.overwritten(physical, size)
