"""Host memory for guest RAM: one private mapping a region, between pages that fault."""

from __future__ import annotations

import ctypes
import mmap
import os

PAGE = mmap.PAGESIZE
HUGE_PAGE = 2 << 20
#: bytes of address space on either side that fault, so that a wrong addend is a host fault and not silent damage
GUARD = 1 << 16
#: Linux's <asm-generic/mman-common.h>; the mmap module names these only from later Python versions
MAP_NORESERVE = 0x4000
PROT_NONE = 0

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class HostMemory:
    """`size` bytes of zeroed host memory that take no room until they are touched.

    Raises OSError when the host has no such address range.
    """

    def __init__(self, size: int) -> None:
        room = -(-size // PAGE) * PAGE
        huge = room >= HUGE_PAGE
        align = HUGE_PAGE if huge else PAGE
        total = GUARD + align + room + GUARD
        try:
            self.mapping = mmap.mmap(-1, total, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
        except (OverflowError, OSError) as error:
            raise OSError(f"cannot map {size} bytes of guest memory: {error}") from error
        whole = memoryview(self.mapping)
        start = ctypes.addressof(ctypes.c_char.from_buffer(whole))
        #: host address of the first byte; 2 MiB aligned when the memory is that large
        self.address = (start + GUARD + align - 1) & -align
        offset = self.address - start
        #: the bytes themselves
        self.buffer = whole[offset : offset + size]
        for guard, length in ((start, offset), (self.address + room, total - offset - room)):
            if _libc.mprotect(guard, length, PROT_NONE):
                raise OSError(f"cannot protect the guest memory's surroundings: {os.strerror(ctypes.get_errno())}")
        if huge:
            # A host without huge pages refuses; that costs speed only.
            _libc.madvise(self.address, room, mmap.MADV_HUGEPAGE)

    def clear(self, offset: int, size: int) -> None:
        """Zero `size` bytes from an offset on; whole pages go back to the host."""
        first, last = -(-offset // PAGE) * PAGE, (offset + size) // PAGE * PAGE
        if first < last:
            _libc.madvise(self.address + first, last - first, mmap.MADV_DONTNEED)
        else:
            first = last = offset + size
        for start, end in ((offset, first), (last, offset + size)):
            self.buffer[start:end] = bytes(end - start)
