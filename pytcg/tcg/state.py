"""Layout of the CPU state: the one block of memory that machine code and Python share.

A `Layout` is built from a declaration of 64-bit fields; offsets are relative to the *env pointer*, which machine code
keeps in a host register. The guest's integer registers come first, at offsets -128..127, so that each is reached with
an 8-bit displacement. Every field is an unsigned 64-bit little-endian word (or an array of them): one width, one kind
of access.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

GLOBALS_BASE = -128
WORD = 8
#: of the host: arrays in the CPU state begin at one
CACHE_LINE = 64


@dataclass(frozen=True)
class Field:
    """One field of the CPU state: `count` 64-bit words called `name`."""

    name: str
    count: int = 1
    doc: str = ""


# Operand numbers of flat ops (see docs/architecture.md, "Operands").
NUM_GLOBALS = 64
HOST_REG = 64
SPILL = 80
NUM_SPILLS = 32
ENV = 112
TEMP = 128
CONST = -1

NUM_MMU_MODES = 4
#: entries of the TLB of a mode and access kind: room for the most, and how many there are at least (powers of two)
TLB_ENTRIES, LEAST_TLB_ENTRIES = 1 << 15, 256
#: from one table to the next: not a power of two, so that a page's entries in several share no set of the host's caches
TLB_STRIDE = TLB_ENTRIES + 136
#: entries of the TLB of superpages, which stands behind the TLB, for loads and for stores each
LARGE_ENTRIES = 64
JUMP_CACHE_ENTRIES = 2048
NUM_SLOTS = 32
#: words of a TLB entry, which a slot holds a copy of, and what is in them. It serves the addresses from FIRST_ADDRESS
#: on, LIMIT of them; none if LIMIT is 0. An entry for loads and stores keeps 7 bytes of its pages out of LIMIT, so that
#: an access that begins below it ends within them.
ENTRY_WORDS = 4
FIRST_ADDRESS, LIMIT, ADDEND = 0, 1, 2
ENTRY_BYTES = ENTRY_WORDS * WORD
#: an address shifted right by this, masked, is how far into a table of the TLB its entry lies
TLB_SHIFT = 12 - (ENTRY_BYTES.bit_length() - 1)
MAX_HELPERS = 256
#: what an empty entry of a jump cache holds as its tag: no pc equals it
EMPTY = 0xFFFFFFFFFFFFFFFF
READ, WRITE, FETCH = 0, 1, 2
#: bits of `irq`: the guest's interrupt lines changed; the CPU loop must look; the time `alarm_at` has come; the guest's
#: interrupt that is triggered by an edge has come; nothing is wanted but that it is cleared
IRQ_LINES, IRQ_LOOP, IRQ_ALARM, IRQ_EDGE, IRQ_POLL = 1, 2, 4, 8, 16
#: translation flag: blocks of one instruction, whose exits are not chained, so that each fetch can be checked
ONE_INSN = 1 << 11

# What every guest has, whatever its architecture. The order is for locality: what machine code touches most is first.
COMMON = (
    Field("globals", NUM_GLOBALS, "guest registers: operands 0..63; integer registers, then floating-point registers"),
    Field("irq", 1, "exit request: non-zero makes machine code leave at the next poll"),
    Field("pc", 1, "guest pc on entry to and on exit from machine code"),
    Field("flags", 1, "translation flags of the current state; bits 0-1 are the data MMU mode"),
    Field("insn_pc", 1, "guest pc of the instruction that called a helper, missed the TLB or polled"),
    Field("self", 1, "host address of the env pointer"),
    Field("arg", 4, "arguments of a helper"),
    Field("ret", 1, "result of a helper"),
    Field("helper", 1, "number of the helper being called"),
    Field("resume", 1, "host address at which machine code goes on after an exit"),
    Field("addend", 1, "addend (host minus guest address) handed to a memory access that resumes"),
    Field("mem_addr", 1, "guest virtual address of the access that missed"),
    Field("mem_value", 1, "value to be stored by the access that missed"),
    Field("mem_kind", 1, "size log2 | sign<<2 | mode<<3 | align<<5 | READ/WRITE<<8 | atomic<<10 | probe<<11"),
    Field("mem_slot", 1, "byte offset from env of the TLB slot of the access that missed"),
    Field("buffer", 2, "16 bytes that stand in for memory when Python has done the access"),
    Field("mxcsr", 1, "the guest's SSE control and status word while outside machine code"),
    Field("host_mxcsr", 1, "the host's SSE control and status word while inside machine code"),
    Field("host_sp", 1, "host stack pointer of the entry routine"),
    Field("fflags", 1, "accrued floating-point exceptions, those in mxcsr left out (NX 1, UF 2, OF 4, DZ 8, NV 16)"),
    Field("clock_start", 1, "host counter at guest time `clock_offset`"),
    Field("clock_mult", 1, "guest ticks a host tick, as a 64-bit fraction"),
    Field("clock_offset", 1, "guest time at `clock_start`"),
    Field("alarm", 1, "1 + number of the kernel's timer that rings the vCPU; 0: timers and sleep are the CPU loop's"),
    Field("alarm_at", 1, "guest time at which the alarm has been asked to ring, if not rung yet; all ones: never"),
    Field("alarm_mult", 1, "seconds a guest tick, as a 64-bit fraction"),
    Field("alarm_time", 4, "itimerspec for the kernel: in [2] and [3] seconds and nanoseconds until then"),
    Field("idle", 1, "host counter ticks slept in machine code"),
    Field("executed", 1, "guest instructions executed, when counting is on"),
    Field("limit", 1, "with -icount: number of executed instructions from which on a block does not begin"),
    Field("block_index", 1, "host address of the index of placed blocks"),
    Field("page_heads", 1, "host address of a word a page of main RAM: its list of placed blocks"),
    Field("origins", 1, "host address of the memory of blocks by physical address"),
    Field("contents", 1, "host address of the index of templates by content"),
    Field("code_control", 1, "host address of the control words of code memory"),
    Field("ram_start", 1, "guest physical address of main RAM"),
    Field("ram_end", 1, "guest physical address after main RAM"),
    Field("ram_addend", 1, "host address minus guest physical address of main RAM"),
    Field("code_map", 1, "host address of a byte a page of main RAM: non-zero where a store must not go unnoticed"),
    Field("unsure", 1, "1: code may have been changed unnoticed, so that a code fence must call Helper.CODE_FENCE"),
    Field("register_cells", 1, "host address of the table of device registers that need no Python"),
    Field("register_ring", 1, "host address of the ring of posted writes"),
    Field("register_bell", 1, "file descriptor to write to when there are posted writes"),
    Field("code_alias", 1, "writable minus executable address of code memory"),
    Field("unknown", 25, "how many units `stitch` did not know, at most 8; of each its words, and the two of its form"),
    Field("scratch", 16, "for the backend's own routines"),
    Field("spill", NUM_SPILLS, "spilled temporaries: operands 80..111"),
    Field("thunks", 160, "host addresses of the backend's routines"),
    Field("natives", MAX_HELPERS, "host addresses of helpers compiled to machine code; 0: Python only"),
    Field("jump_cache_flags", NUM_MMU_MODES, "translation flags for which the jump cache of a mode holds entries"),
    Field("slots", NUM_MMU_MODES * 2 * NUM_SLOTS * ENTRY_WORDS, "TLB slots [mode][READ/WRITE][register]: entries"),
    Field("tlb_masks", NUM_MMU_MODES * 3, "by table of the TLB, what of a page number * ENTRY_BYTES finds an entry"),
    Field("tlb_fills", NUM_MMU_MODES * 3, "by table, how often an entry was filled since it was emptied or grew"),
    Field("large_tlb", NUM_MMU_MODES * 2 * LARGE_ENTRIES * ENTRY_WORDS, "the same of superpages [mode][READ/WRITE]"),
    Field("jump_cache", NUM_MMU_MODES * JUMP_CACHE_ENTRIES * 2, "jump cache [mode][index]: guest pc, host address"),
    Field("tlb", NUM_MMU_MODES * 3 * TLB_STRIDE * ENTRY_WORDS, "TLB [mode][READ/WRITE/FETCH][page number]: entries"),
)


class Layout:
    """Offsets (in bytes, from the env pointer) of COMMON fields followed by a guest's own fields."""

    def __init__(self, guest_fields: Iterable[Field] = ()) -> None:
        self.fields: dict[str, Field] = {}
        self.offset: dict[str, int] = {}
        position = GLOBALS_BASE
        for field in (*COMMON, *guest_fields):
            if field.name in self.fields:
                raise ValueError(f"CPU state field {field.name} is declared twice")
            self.fields[field.name] = field
            if field.count * WORD >= CACHE_LINE:
                position = -(-position // CACHE_LINE) * CACHE_LINE
            self.offset[field.name] = position
            position += WORD * field.count
        self.end = position
        self.size = (position - GLOBALS_BASE + 4095) & -4096

    def slot(self, mode: int, access: int, register: int) -> int:
        """Byte offset of a TLB slot."""
        return self.offset["slots"] + ENTRY_BYTES * ((mode * 2 + access) * NUM_SLOTS + (register & (NUM_SLOTS - 1)))

    def tlb(self, mode: int, access: int) -> int:
        """Byte offset of the TLB of an MMU mode and access kind."""
        return self.offset["tlb"] + ENTRY_BYTES * TLB_STRIDE * (mode * 3 + access)

    def large_tlb(self, mode: int, access: int) -> int:
        """Byte offset of the TLB of superpages of an MMU mode, for READ or WRITE."""
        return self.offset["large_tlb"] + ENTRY_BYTES * LARGE_ENTRIES * (mode * 2 + access)

    def jump_cache(self, mode: int) -> int:
        """Byte offset of the jump cache of an MMU mode."""
        return self.offset["jump_cache"] + 16 * JUMP_CACHE_ENTRIES * mode

    def operand(self, number: int) -> int:
        """Byte offset of the home of a global or spill operand."""
        if number < NUM_GLOBALS:
            return GLOBALS_BASE + WORD * number
        return self.offset["spill"] + WORD * (number - SPILL)


class Env:
    """The state of one vCPU: anonymous memory, with a property for each field of its layout.

    A field with one word reads as an int in 0..2**64-1 and wraps what is assigned to it; an array field is a memoryview
    of 64-bit words. `env.words[env.index + offset // 8]` reaches any word by its offset.
    """

    layout: Layout
    words: memoryview

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.memory = mmap.mmap(-1, layout.size)
        self.words = memoryview(self.memory).cast("Q")
        self.index = -GLOBALS_BASE // WORD
        #: host address of the env pointer
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory)) - GLOBALS_BASE
        self.words[self.index + layout.offset["self"] // WORD] = self.address
        self.empty_caches()

    def empty_caches(self) -> None:
        """Empty the slots, the TLB and the jump caches. The vCPU must not run."""
        for name, byte in (("slots", b"\0"), ("large_tlb", b"\0"), ("jump_cache", b"\xff")):
            self._fill(name, byte)
        for mode in range(NUM_MMU_MODES):
            for access in (READ, WRITE, FETCH):
                # What is beyond the entries in use is empty, and stays memory that the host need not provide.
                count = self.tlb_entries(mode, access) * ENTRY_WORDS
                start = self.index + self.layout.tlb(mode, access) // WORD
                self.words[start : start + count] = memoryview(bytes(WORD * count)).cast("Q")
                self._word("tlb_masks", mode * 3 + access, (LEAST_TLB_ENTRIES - 1) * ENTRY_BYTES)
                self._word("tlb_fills", mode * 3 + access, 0)

    def forget_blocks(self) -> None:
        """Empty the jump caches. The vCPU must not run."""
        self._fill("jump_cache", b"\xff")

    def _fill(self, name: str, byte: bytes) -> None:
        start, count = self.index + self.layout.offset[name] // WORD, self.layout.fields[name].count
        self.words[start : start + count] = memoryview(byte * (WORD * count)).cast("Q")

    def _word(self, name: str, number: int, value: int) -> None:
        self.words[self.index + self.layout.offset[name] // WORD + number] = value

    def tlb_entries(self, mode: int, access: int) -> int:
        """How many entries the TLB of an MMU mode and access kind has now."""
        mask = self.words[self.index + self.layout.offset["tlb_masks"] // WORD + mode * 3 + access]
        return mask // ENTRY_BYTES + 1

    def tlb_entries_used(self, mode: int, access: int) -> int:
        """How many of them may be filled: all, or none since the table was emptied."""
        fills = self.words[self.index + self.layout.offset["tlb_fills"] // WORD + mode * 3 + access]
        return self.tlb_entries(mode, access) if fills else 0

    def tlb_entry(self, mode: int, access: int, address: int) -> int:
        """Which of `words` is the first of the TLB entry for an address."""
        number = address >> 12 & self.tlb_entries(mode, access) - 1
        return self.index + self.layout.tlb(mode, access) // WORD + number * ENTRY_WORDS

    def translation(self, mode: int, access: int, address: int) -> int | None:
        """The addend that the TLB of an MMU mode and access kind has for an address; None if it has none."""
        words = self.words
        at = self.tlb_entry(mode, access, address)
        if address - words[at] & 0xFFFFFFFFFFFFFFFF >= words[at + LIMIT]:
            return None
        addend: int = words[at + ADDEND]
        return addend


def env_class(layout: Layout, name: str = "Env") -> type[Env]:
    """A subclass of `Env` with a property for each field of `layout`."""

    def scalar(index: int) -> property:
        def get(self: Env) -> int:
            value: int = self.words[index]
            return value

        def put(self: Env, value: int) -> None:
            self.words[index] = value & 0xFFFFFFFFFFFFFFFF

        return property(get, put)

    def array(start: int, count: int) -> property:
        return property(lambda self: self.words[start : start + count])

    members: dict[str, object] = {}
    for field in layout.fields.values():
        index = (layout.offset[field.name] - GLOBALS_BASE) // WORD
        members[field.name] = scalar(index) if field.count == 1 else array(index, field.count)
    return type(name, (Env,), members)
