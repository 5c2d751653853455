"""A memory barrier on all threads of the process at once, which costs the others nothing on their fast paths."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable

#: membarrier(2): its number on x86-64, and its commands
SYS_MEMBARRIER = 324
PRIVATE_EXPEDITED, REGISTER_PRIVATE_EXPEDITED = 1 << 3, 1 << 4

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def barrier_on_all_threads() -> Callable[[], None]:
    """A function that is a barrier on every thread: stores from before it are seen by all loads after it.

    By membarrier(2), or where the system refuses by taking away the right to write to a page: that interrupts the host
    CPUs on which threads of the process run.
    """
    if _libc.syscall(SYS_MEMBARRIER, REGISTER_PRIVATE_EXPEDITED, 0) == 0:
        return _expedited
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))

    def protect() -> None:
        _libc.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE)
        page[0] = 1
        _libc.mprotect(address, mmap.PAGESIZE, mmap.PROT_READ)

    return protect


def _expedited() -> None:
    _libc.syscall(SYS_MEMBARRIER, PRIVATE_EXPEDITED, 0)
