"""Calls of the host's kernel (Linux) that native routines and their Python sides make, by the numbers of the host."""

from __future__ import annotations

import ctypes
import platform

#: by architecture; otherwise as on all newer ones
_NUMBERS = {"x86_64": (1, 202, 222, 223, 226)}
WRITE, FUTEX, TIMER_CREATE, TIMER_SETTIME, TIMER_DELETE = _NUMBERS.get(platform.machine(), (64, 98, 107, 110, 111))
#: operations of futex(2), on a word that only this process has
FUTEX_WAIT, FUTEX_WAKE = 128, 129

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.syscall.argtypes = (ctypes.c_long, *[ctypes.c_size_t] * 4)


def kernel_call(number: int, a: int, b: int, c: int) -> int:
    """Call `number` with the arguments a, b, c and zero: what it returns, or the negative error number; 64 bits."""
    result: int = _libc.syscall(number, a, b, c, 0)
    return (-ctypes.get_errno() if result < 0 else result) & 0xFFFFFFFFFFFFFFFF
