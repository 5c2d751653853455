"""Code memory, mapped twice from one memfd: once writable, once executable, never both (W^X)."""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref

DEFAULT_SIZE = 256 << 20

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


class CodeBufferFull(Exception):
    """There is no room for a piece of code; a `reset` makes room."""


class CodeBuffer:
    """`size` bytes of code memory, in whole words, touched as they are used, given out from the bottom up.

    `view` is the writable view, `base` the address of the executable one; a position in the one is an offset in the
    other. OSError is raised if the system refuses the mappings.
    """

    def __init__(self, size: int = DEFAULT_SIZE) -> None:
        self.size = size = size + 7 & -8
        handle = os.memfd_create("pytcg-code", os.MFD_CLOEXEC)
        try:
            os.ftruncate(handle, size)
            self._writable = mmap.mmap(handle, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            # mmap objects tell no address of a read-only mapping, so this one is made by hand.
            base = _libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_EXEC, mmap.MAP_SHARED, handle, 0)
        finally:
            os.close(handle)
        if base is None or base == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "no executable mapping of code memory")
        self.base: int = base
        self.view = memoryview(self._writable)
        #: the same memory as 64-bit words, each written at once
        self.words = self.view.cast("Q")
        self.write_address = ctypes.addressof(ctypes.c_char.from_buffer(self._writable))
        self.position = 0
        weakref.finalize(self, _libc.munmap, base, size)

    def allocate(self, length: int, align: int = 1, offset: int = 0) -> int:
        """Position of `length` fresh bytes; position + `offset` is a multiple of `align`, a power of two.

        Raises CodeBufferFull.
        """
        position = ((self.position + offset + align - 1) & -align) - offset
        end = position + length
        if end > self.size:
            raise CodeBufferFull(f"{length} bytes of code do not fit: {self.position} of {self.size} are in use")
        self.position = end
        return position

    def reset(self, position: int = 0) -> None:
        """Forget all code from `position` on."""
        self.position = position
