"""The alarm of a vCPU that runs machine code: a timer of the kernel, whose signal sets a bit of env.irq.

The vCPU sets the timer itself, and the signal reaches its own thread in whatever it does: running, sleeping in the
kernel, or in Python. No other thread, and no Python, takes part (timer_create(2), SIGEV_THREAD_ID).
"""

from __future__ import annotations

import ctypes
import os
import signal
from functools import cache
from threading import get_native_id
from types import TracebackType

from pytcg.backend.codebuffer import CodeBuffer
from pytcg.native.kernel import TIMER_CREATE, TIMER_DELETE, kernel_call

SIGNAL = signal.SIGRTMAX
SA_SIGINFO, SA_RESTART = 4, 0x10000000
SIGEV_THREAD_ID = 4
CLOCK_MONOTONIC = 1
PAGE = 4096

_libc = ctypes.CDLL(None, use_errno=True)


class _SignalAction(ctypes.Structure):
    """struct sigaction of the C library on x86-64."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class _SignalEvent(ctypes.Structure):
    """struct sigevent."""

    _fields_ = (
        ("value", ctypes.c_size_t),
        ("number", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("padding", ctypes.c_int * 11),
    )


@cache
def _handle(code: bytes) -> CodeBuffer:
    """Make position-independent machine code the handler of SIGNAL, for as long as the process lives."""
    buffer = CodeBuffer(PAGE)
    buffer.view[: len(code)] = code
    action = _SignalAction(handler=buffer.base, flags=SA_SIGINFO | SA_RESTART)
    if _libc.sigaction(SIGNAL, ctypes.byref(action), None):
        raise OSError(ctypes.get_errno(), "sigaction")
    return buffer


class Doorbell:
    """A timer for the calling thread. `handler`: machine code of a signal handler, given `value` in si_value.

    Raises OSError where the kernel gives no timer.
    """

    def __init__(self, handler: bytes, value: int) -> None:
        _handle(handler)
        event = _SignalEvent(value=value, number=SIGNAL, notify=SIGEV_THREAD_ID, thread=get_native_id())
        number = ctypes.c_int()
        error = -kernel_call(TIMER_CREATE, CLOCK_MONOTONIC, ctypes.addressof(event), ctypes.addressof(number))
        if error:
            raise OSError(error & 0xFFF, f"timer_create: {os.strerror(error & 0xFFF)}")
        #: what the kernel calls it
        self.number = number.value

    def __enter__(self) -> Doorbell:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        kernel_call(TIMER_DELETE, self.number, 0, 0)
