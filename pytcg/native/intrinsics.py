"""What a native routine can do besides arithmetic. These are the Python sides; the compiler knows each by its name.

Addresses are host addresses of memory that the caller knows to be mapped: nothing is checked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from ctypes import c_uint8, c_uint32, c_uint64

from pytcg.native.kernel import kernel_call
from pytcg.tcg.types import MASK64, signed64

__all__ = [
    "cas64",
    "clock",
    "fill",
    "kernel_call",
    "ld8",
    "ld32",
    "ld64",
    "mulhu",
    "signed_lt",
    "st8",
    "st32",
    "st64",
    "use_counter",
]

_counter: Callable[[], int] = time.perf_counter_ns
_exclusive = threading.Lock()


def ld8(address: int) -> int:
    """The byte at a host address."""
    return c_uint8.from_address(address).value


def ld32(address: int) -> int:
    """The 32-bit word at a host address, zero-extended."""
    return c_uint32.from_address(address).value


def ld64(address: int) -> int:
    """The 64-bit word at a host address."""
    return c_uint64.from_address(address).value


def st8(address: int, value: int) -> None:
    """Store the low byte of `value` at a host address."""
    c_uint8.from_address(address).value = value


def st32(address: int, value: int) -> None:
    """Store the low 32 bits of `value` at a host address."""
    c_uint32.from_address(address).value = value


def st64(address: int, value: int) -> None:
    """Store 64 bits at a host address."""
    c_uint64.from_address(address).value = value


def cas64(address: int, old: int, new: int) -> int:
    """The 64-bit word at a host address; if it equals `old`, `new` replaces it.

    Atomic as compiled; in Python atomic among Python threads only.
    """
    word = c_uint64.from_address(address)
    with _exclusive:
        found = word.value
        if found == old:
            word.value = new
    return found


def fill(address: int, value: int, words: int) -> None:
    """Store `value` into each of `words` 64-bit words from a host address on."""
    (c_uint64 * words).from_address(address)[:] = [value] * words


def clock() -> int:
    """The host's counter, see `use_counter`."""
    return _counter() & MASK64


def use_counter(counter: Callable[[], int]) -> None:
    """Make `clock` read `counter`, which must agree with what the backend's `clock` op reads."""
    global _counter
    _counter = counter


def mulhu(a: int, b: int) -> int:
    """The high 64 bits of the product of two unsigned 64-bit values."""
    return a * b >> 64


def signed_lt(a: int, b: int) -> int:
    """Whether a < b as two's complement."""
    return signed64(a) < signed64(b)
