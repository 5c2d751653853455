"""What a conformance test runs ops on: a CPU state, guest and host memory in a known state before, observed after."""

from __future__ import annotations

import ctypes
import mmap
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, NamedTuple

from pytcg.backend.base import Status
from pytcg.tcg.eval import extend
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.ops import Op, OpDef
from pytcg.tcg.soft_helper import helper_fp
from pytcg.tcg.state import CONST, Field, Layout, env_class
from pytcg.tcg.types import MASK64, MO_ALIGN, MO_SIGN

LAYOUT = Layout([Field("own", 4)])
OWN = LAYOUT.offset["own"]
ENV_CLASS = env_class(LAYOUT)
PAGE = 4096
PC = 0x8000_1000
#: where guest memory lies: two pages of RAM, a page of devices, nothing
RAM, DEVICE, NOTHING = 0x4000_0000, 0x4000_0000 + 2 * PAGE, 0x4000_0000 + 3 * PAGE
#: where a faulting access and a helper that jumps lead
FAULT_PC, JUMP_PC, EXIT_PC = 0x666, 0x4000, 0x5000
HOST_BYTES = 256
#: fflags bit of each MXCSR flag bit (IE, DE, ZE, OE, UE, PE)
FLAGS = (16, 0, 8, 4, 2, 1)
MXCSR = 0x1F80


def host_memory(size: int) -> tuple[mmap.mmap, int]:
    """Memory and its host address."""
    memory = mmap.mmap(-1, size)
    return memory, ctypes.addressof(ctypes.c_char.from_buffer(memory))


#: what host addresses in ops point to: one for all targets, so that the same ops run on each
HOST, HOST_ADDRESS = host_memory(HOST_BYTES)
_RAM_BYTES, RAM_ADDRESS = host_memory(DEVICE - RAM)


class Memory:
    """Guest memory as the interpreter asks for it. RAM lies at RAM_ADDRESS; what misses it is remembered."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def miss(self, env: Any, what: str, address: int, mop: int, insn_pc: int) -> bool:
        """An access not of RAM alone: remembered with the guest registers of the moment. False: it faults."""
        size = 1 << (mop & 3)
        self.events.append((what, address, mop & ~MO_SIGN, insn_pc, tuple(env.globals)))
        if address >= RAM and address + size <= NOTHING and not (mop & MO_ALIGN and address & (size - 1)):
            return True
        env.pc = FAULT_PC
        return False

    @staticmethod
    def in_ram(address: int, mop: int) -> bool:
        """Whether an access may go to RAM, aligned where it must be."""
        size = 1 << (mop & 3)
        return RAM <= address <= DEVICE - size and not (mop & MO_ALIGN and address & (size - 1))

    def load(self, env: Any, address: int, mop: int, insn_pc: int) -> int | None:
        """GuestMemory.load: a device reads as its address."""
        size = 1 << (mop & 3)
        if not self.in_ram(address, mop) and not self.miss(env, "load", address, mop, insn_pc):
            return None
        data = bytes(_RAM_BYTES[at - RAM] if at < DEVICE else at & 0xFF for at in range(address, address + size))
        return extend(int.from_bytes(data, "little"), mop)

    def store(self, env: Any, address: int, value: int, mop: int, insn_pc: int) -> bool:
        """GuestMemory.store: what devices get is part of the event."""
        size = 1 << (mop & 3)
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        if not self.in_ram(address, mop) and not self.miss(env, f"store {data.hex()}", address, mop, insn_pc):
            return False
        for at, byte in enumerate(data, address):
            if at < DEVICE:
                _RAM_BYTES[at - RAM] = byte
        return True

    def atomic(self, env: Any, address: int, update: Callable[[int], int], mop: int, insn_pc: int) -> int | None:
        """GuestMemory.atomic: of aligned RAM only."""
        if not self.in_ram(address, mop | MO_ALIGN):
            self.miss(env, "atomic", address, mop & ~MO_ALIGN, insn_pc)
            env.pc = FAULT_PC
            return None
        old = int.from_bytes(_RAM_BYTES[address - RAM : address - RAM + (1 << (mop & 3))], "little")
        old = extend(old, mop | MO_SIGN)
        self.store(env, address, update(old), mop, insn_pc)
        return old

    def probe(self, env: Any, address: int, mop: int, access: int, insn_pc: int) -> bool:
        """GuestMemory.probe."""
        return self.in_ram(address, mop) or self.miss(env, f"probe {access}", address, mop, insn_pc)


def scramble(given: int) -> Callable[[Any], Action]:
    """A helper that changes its result, guest registers and a field, by what it finds there and in the arguments that
    it is given, one a bit."""

    def helper(env: Any) -> Action:
        env.ret = sum((3 - n) * env.arg[n] for n in range(3) if given >> n & 1)
        env.globals[14] = env.insn_pc
        env.globals[20] = env.globals[20] ^ env.globals[15] ^ MASK64
        env.own[1] = env.globals[2]
        return Action.CONTINUE

    return helper


def jump(env: Any) -> Action:
    """A helper that raises a guest exception."""
    env.pc = JUMP_PC
    return Action.JUMP


def leave(env: Any) -> Action:
    """A helper that asks for the CPU loop."""
    env.pc = EXIT_PC
    return Action.EXIT


#: by number
HELPERS: list[Callable[[Any], Action]] = [
    helper_fp,
    *[leave] * (Helper.FIRST_GUEST - 1),
    jump,
    leave,
    *map(scramble, range(8)),
]
JUMP, LEAVE, _SCRAMBLE = range(Helper.FIRST_GUEST, Helper.FIRST_GUEST + 3)


def scrambler(*inputs: int) -> int:
    """The helper that scrambles by those of its arguments that are given."""
    return _SCRAMBLE + sum(1 << n for n, operand in enumerate(inputs) if operand != CONST)


@dataclass(repr=False)
class Start:
    """The state that ops start from. Not shown where a test fails: `conformance.check` says what matters."""

    globals: list[int]
    own: tuple[int, ...] = (0, 0, 0, 0)
    ram: bytes = b""
    host: bytes = b""
    irq: int = 0
    #: rounding control of MXCSR
    rounding: int = 0
    page_offset: int = 0


class Outcome(NamedTuple):
    """All that can be observed. `result`: what a native routine returns, or the status at the end of a block."""

    result: int
    pc: int
    globals: tuple[int, ...]
    own: tuple[int, ...]
    flags: int
    events: tuple[tuple[object, ...], ...]
    ram: bytes
    host: bytes


def words(values: Sequence[int]) -> memoryview:
    """64-bit words in memory."""
    return memoryview(Struct(f"{len(values)}Q").pack(*values)).cast("Q")


class Target(ABC):
    """One backend, or the reference. Operands that the tests may use: globals, temporaries."""

    #: operands that register allocation may use
    pool: tuple[int, ...] = ()
    #: whether ops are run as a native routine, which ends with `ret`
    native = False

    def __init__(self) -> None:
        self.env: Any = ENV_CLASS(LAYOUT)
        self.memory = Memory()

    def runs(self, row: OpDef) -> bool:
        """Whether an op may stand in what this target runs."""
        if row.name == "ret":
            return self.native
        return not self.native or row.pure or row.name in NATIVE_OPS

    def run(self, ops: Sequence[Op], temps: int, start: Start) -> Outcome:
        """Run a block or native routine to its end."""
        env = self.env
        env.globals[:] = words(start.globals)
        env.own[:] = words(start.own)
        env.irq, env.pc, env.fflags = start.irq, 0, 0
        env.mxcsr = MXCSR | start.rounding << 13
        _RAM_BYTES[:] = start.ram.ljust(DEVICE - RAM, b"\0")
        HOST[:] = start.host.ljust(HOST_BYTES, b"\0")
        self.memory.events.clear()
        result = self.execute(ops, temps, start.page_offset)
        flags = env.fflags | sum(flag for bit, flag in enumerate(FLAGS) if env.mxcsr >> bit & 1)
        pc = 0 if self.native else env.pc
        state = tuple(env.globals), tuple(env.own), flags, tuple(self.memory.events)
        return Outcome(result, pc, *state, bytes(_RAM_BYTES), bytes(HOST))

    @abstractmethod
    def execute(self, ops: Sequence[Op], temps: int, page_offset: int) -> int:
        """Run ops over `env`, which is set up; the result of a native routine, or LOOKUP or INTERRUPT with env.pc."""


#: what native routines are made of beside pure ops
NATIVE_OPS = frozenset(("ld", "st", "host_cmpxchg", "clock", "kernel_call", "mb", "label", "br", "brcond"))
LOOKUP, INTERRUPT = int(Status.LOOKUP), int(Status.INTERRUPT)
