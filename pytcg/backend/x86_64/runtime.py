"""The runtime of machine code as Python sees it: entering and resuming it, placing code, chaining exits."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from struct import Struct

from pytcg.backend.codebuffer import CodeBuffer
from pytcg.backend.x86_64.backend import X86Backend
from pytcg.backend.x86_64.emit.control import HEADER
from pytcg.backend.x86_64.thunks.thunks import Thunks
from pytcg.tcg.state import Env

#: MXCSR with all exceptions masked, round to nearest, no flags
DEFAULT_MXCSR = 0x1F80
ALIGNMENT = 16
_WORDS = Struct("<iii")
_REL32 = Struct("<i")
_PC = Struct("<Q")


class Runtime:
    """The routines of one backend in one code buffer, at its start.

    `call(env.address, number)` calls a compiled helper. `ring(env.address, bits)` sets bits of env.irq and wakes the
    vCPU. `enter(env.address, host address of code)` and `resume(env.address)` run machine code, without the
    interpreter's lock, and return a `Status`. `read_counter()` is the host's time stamp counter.
    """

    def __init__(self, backend: X86Backend, buffer: CodeBuffer) -> None:
        self.backend = backend
        self.layout = backend.layout
        self.buffer = buffer
        thunks = Thunks(backend.layout, backend.registers)
        #: code of the handler of a vCPU's alarm signal, which may be placed anywhere
        self.alarm_handler = bytes(thunks.code[thunks.labels["alarm"] : thunks.labels["end of alarm"]])
        start = buffer.allocate(len(thunks.code), ALIGNMENT)
        buffer.view[start : start + len(thunks.code)] = thunks.code
        #: position in the buffer after the routines, to reset it to
        self.end = buffer.position
        address = buffer.base + start
        #: where to enter machine code to find the block for env.pc
        self.find = address + thunks.labels["find"]
        self.thunks = {index: address + position for index, position in thunks.positions.items()}
        function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t)
        self.enter: Callable[[int, int], int] = function(address + thunks.labels["enter"])
        #: `call` without the interpreter's lock, for helpers that may sleep
        self.call_unlocked: Callable[[int, int], int] = function(address + thunks.labels["call"])
        function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t)
        self.resume: Callable[[int], int] = function(address + thunks.labels["resume"])
        # the following are too short to be worth giving up the lock
        function = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t)
        self.call: Callable[[int, int], int] = function(address + thunks.labels["call"])
        self.ring: Callable[[int, int], int] = function(address + thunks.labels["ring"])
        self.read_counter: Callable[[], int] = ctypes.PYFUNCTYPE(ctypes.c_uint64)(
            address + thunks.labels["read_counter"]
        )

    def install(self, env: Env) -> None:
        """Make an env ready for machine code: the addresses of the routines, and the initial MXCSR."""
        layout = self.layout
        first = env.index + layout.offset["thunks"] // 8
        for index, address in self.thunks.items():
            env.words[first + index] = address
        env.words[env.index + layout.offset["mxcsr"] // 8] = DEFAULT_MXCSR
        alias = self.buffer.write_address - self.buffer.base
        env.words[env.index + layout.offset["code_alias"] // 8] = alias & 0xFFFFFFFFFFFFFFFF

    def place(self, blob: bytes, entry: int, pc: int) -> int:
        """Copy host code, of a block for guest address `pc` or of a helper, into the buffer: host address of its entry.

        Raises CodeBufferFull.
        """
        buffer = self.buffer
        length = len(blob)
        position = buffer.allocate(length, ALIGNMENT, entry)
        buffer.view[position : position + length] = blob
        position += entry
        _PC.pack_into(buffer.view, position - HEADER, pc)
        return buffer.base + position

    def patch_exit(self, resume: int, target: int) -> None:
        """Chain the exit that left with status CHAIN and this env.resume to the host address `target`."""
        position = resume - self.buffer.base
        field = position + _WORDS.unpack_from(self.buffer.view, position)[2]
        _REL32.pack_into(self.buffer.view, field, target - self.buffer.base - field - 4)
