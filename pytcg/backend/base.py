"""What every backend shares: the statuses of machine code, host code of a block, and the words of a missed access."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple, Protocol

from pytcg.tcg.ops import Op


class Status(IntEnum):
    """Why machine code came back to Python; the CPU state fields named are set."""

    #: an exit without a target yet: env.resume = address of the stub's three words, env.pc = guest pc of the target
    CHAIN = 0
    #: the block for env.pc was not found by machine code
    LOOKUP = 1
    #: env.helper is to be called, then machine code goes on at env.resume
    HELPER = 2
    #: the access of env.mem_* is to be done, then machine code goes on at env.resume with env.addend
    MEMORY = 3
    #: env.irq was seen, or a compiled helper answered EXIT; execution goes on at env.pc
    INTERRUPT = 4


# Bits of env.mem_kind beside those of `mop` (size, mode, MO_ALIGN); the sign bit is not kept, as the access is
# redone anyway.
KIND_ACCESS_SHIFT = 8
KIND_ATOMIC = 1 << 10
#: nothing is to be read or written: only the fault, if any, is wanted
KIND_PROBE = 1 << 11


class HostBlock(NamedTuple):
    """Host code of a block, to be placed anywhere: cold stubs, 8 bytes for the guest pc, hot code from `entry` on."""

    blob: bytes
    entry: int


class Backend(Protocol):
    """Makes host code of ops that have been through register allocation."""

    #: operands that the allocator may give to temporaries of blocks
    temp_pool: tuple[int, ...]
    #: operands that it may give to temporaries of native routines
    native_pool: tuple[int, ...]

    def emit(self, ops: Iterable[Op], page_offset: int, mode: int) -> HostBlock:
        """Host code of one block, whose first byte lies at `page_offset` in its page, under data MMU mode `mode`."""
