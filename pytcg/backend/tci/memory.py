"""Memory as the interpreter sees it: the guest's, through an object it is given, and the host's."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from threading import Lock
from typing import Protocol

from pytcg.tcg.eval import extend
from pytcg.tcg.state import Env


class GuestMemory(Protocol):
    """Guest memory accesses. `mop`: memory-operation bits (`tcg/types.py`); `insn_pc`: pc of the accessing instruction.

    Where an access faults, the method has raised the guest exception (env.pc is the handler's) and says so by its
    result.
    """

    def load(self, env: Env, address: int, mop: int, insn_pc: int) -> int | None:
        """The value, extended to an unsigned 64-bit int as `mop` says; None: a guest exception was raised."""

    def store(self, env: Env, address: int, value: int, mop: int, insn_pc: int) -> bool:
        """Store the low bytes of an unsigned 64-bit value. False: a guest exception was raised."""

    def atomic(self, env: Env, address: int, update: Callable[[int], int], mop: int, insn_pc: int) -> int | None:
        """Replace old by the low bytes of update(old); old, sign-extended to an unsigned 64-bit int, is the result.

        None: a guest exception was raised.
        """

    def probe(self, env: Env, address: int, mop: int, access: int, insn_pc: int) -> bool:
        """Raise the exception that a READ (0) or WRITE (1) would, if any: then False."""


WORDS = (ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64)
_LOCK = Lock()


def load_host(address: int, mop: int) -> int:
    """A value in host memory, extended to an unsigned 64-bit int."""
    return extend(WORDS[mop & 3].from_address(address).value, mop)


def store_host(address: int, value: int, mop: int) -> None:
    """Store the low bytes of a value in host memory."""
    WORDS[mop & 3].from_address(address).value = value


def cmpxchg_host(address: int, expected: int, new: int) -> int:
    """Store 64 bits where the old ones are as expected. Atomic among interpreter threads; the result is the old
    value."""
    word = ctypes.c_uint64.from_address(address)
    with _LOCK:
        old = word.value
        if old == expected:
            word.value = new
    return old
