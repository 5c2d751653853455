"""The runtime's routines: TLB and slots, misses, Python's accesses, chaining, polls, helpers and dead blocks."""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable

import pytest
from iced_x86 import Decoder

from pytcg.backend.base import KIND_ATOMIC, KIND_PROBE, Status
from pytcg.backend.x86_64.backend import X86Backend
from pytcg.backend.x86_64.emit.control import DEAD_JUMP
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import ADDEND, CONST, ENTRY_BYTES, ENV, FIRST_ADDRESS, LEAST_TLB_ENTRIES, LIMIT, READ, WRITE
from pytcg.tcg.types import MO_8, MO_16, MO_32, MO_64, MO_ALIGN, MO_MODE_SHIFT, MO_SIGN, Cond, Type
from tests.backend.machine_code import PC, Machine

LD, ST, MOVI, ADD = (code(name, Type.I64) for name in ("guest_ld", "guest_st", "movi", "add"))
EXIT, GOTO_TB, GOTO_PTR, CALL = code("exit_tb"), code("goto_tb"), code("goto_ptr"), code("call")
BRCOND_TB = code("brcond_tb", Type.I64)
RAM, PAGES, PAGE = 0x4000_0000, 4, 4096
MODE = 1
M = MODE << MO_MODE_SHIFT
BASES = (15, 20, 79, 80)


class Guest(Machine):
    """A machine with RAM at guest address RAM and natives made of ops."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = mmap.mmap(-1, PAGES * PAGE)
        self.host = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.natives = X86Backend(self.layout, ())

    def map(self, page: int, *accesses: int, mode: int = MODE) -> None:
        address = RAM + page * PAGE
        for access in accesses:
            entry = self.layout.tlb(mode, access) + ENTRY_BYTES * (address >> 12 & LEAST_TLB_ENTRIES - 1)
            self.put(entry, address, PAGE - 7, self.host - RAM)

    def put(self, offset: int, *words: int) -> None:
        index = self.env.index + offset // 8
        for n, value in enumerate(words):
            self.env.words[index + n] = value % 2**64

    def slot(self, access: int, register: int, mode: int = MODE) -> tuple[int, ...]:
        """First address, limit and addend."""
        index = self.env.index + self.layout.slot(mode, access, register) // 8
        return tuple(self.env.words[index : index + 3])

    def native(self, helper: int, *ops: Op, value: int = 0) -> None:
        block = self.natives.emit([*ops, (MOVI, 79, value), (code("ret"), 79)], 0, 0)
        self.env.natives[helper] = self.place(block, 0)

    def field(self, name: str, value: int) -> tuple[Op, ...]:
        """Ops of a native routine that set a field of the CPU state."""
        return (MOVI, 70, value), (code("st", Type.I64), 70, ENV, self.layout.offset[name], MO_64)

    def start(self, *ops: Op, page_offset: int = 0, pc: int = PC) -> int:
        block = self.backend.emit(ops, page_offset, MODE)
        return self.runtime.enter(self.env.address, self.place(block, pc))

    def chain_request(self) -> tuple[int, int]:
        """What env.resume of status CHAIN points to: host address of the entry of the block left, and delta."""
        delta, entry = struct.unpack_from("<ii", self.buffer.view, self.env.resume - self.buffer.base)
        return self.env.resume + entry, delta

    def kill(self, block: int) -> None:
        """Make a block look itself up anew whenever it is entered."""
        position = block - self.buffer.base
        self.buffer.view[position : position + len(DEAD_JUMP)] = DEAD_JUMP

    def go_on(self) -> int:
        return self.runtime.resume(self.env.address)


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.mark.parametrize("base", BASES)
def test_accesses_fill_their_slot(guest: Guest, base: int) -> None:
    guest.map(1, READ, WRITE)
    registers = [n for n in (base,) if 64 <= n < 80]
    for code_, access in ((LD, READ), (ST, WRITE)):
        guest.set(base, RAM + PAGE)
        assert guest.run([(code_, 14, base, 1, MO_32 | M, 0)], registers) == Status.LOOKUP
        assert guest.slot(access, base) == (RAM + PAGE, PAGE - 7, (guest.host - RAM) % 2**64)


def test_miss_asks_the_native_helper_and_retries(guest: Guest) -> None:
    guest.map(0, READ)
    address = RAM + 8
    index = guest.layout.tlb(MODE, READ)
    guest.native(
        Helper.TLB_MISS,
        (code("ld", Type.I64), 70, ENV, guest.layout.offset["code_map"], MO_64),
        (code("st", Type.I64), 70, ENV, index + 8 * FIRST_ADDRESS, MO_64),
        (MOVI, 70, guest.host - RAM),
        (code("st", Type.I64), 70, ENV, index + 8 * ADDEND, MO_64),
        (MOVI, 70, PAGE - 7),
        (code("st", Type.I64), 70, ENV, index + 8 * LIMIT, MO_64),
    )
    guest.env.code_map = RAM
    guest.put(index, 0, 0, 0)
    guest.memory[8:16] = (0x1122334455667788).to_bytes(8, "little")
    guest.set(15, address)
    for hot in (2, 14, 10):
        guest.set(hot, hot)
    assert (
        guest.start((MOVI, 79, 99), (LD, 14, 15, 0, MO_64 | M, 6), (ADD, 2, 79, CONST, 1), (EXIT, 8)) == Status.LOOKUP
    )
    assert (guest.get(14), guest.get(2), guest.get(10)) == (0x1122334455667788, 100, 10)
    assert list(guest.env.arg)[:3] == [address, READ, MODE]
    assert guest.env.insn_pc == PC + 6
    assert guest.env.mem_slot == guest.layout.slot(MODE, READ, 15)
    assert guest.slot(READ, 15)[0] == RAM


def test_miss_that_raises_an_exception_looks_its_handler_up(guest: Guest) -> None:
    guest.native(Helper.TLB_MISS, *guest.field("pc", 0xDEAD0), value=Action.JUMP)
    guest.set(15, RAM)
    assert guest.start((LD, 14, 15, 0, MO_64 | M, 6), (EXIT, 8)) == Status.LOOKUP
    assert guest.env.pc == 0xDEAD0


@pytest.mark.parametrize("slow", [False, True])
def test_python_does_a_load(guest: Guest, slow: bool) -> None:
    if slow:
        guest.native(Helper.TLB_MISS, value=Action.SLOW)
    for base in BASES:
        for target in (14, 21, 79, base):
            guest.set(base, RAM + PAGE - 2)
            before: list[Op] = [(MOVI, 79, RAM + PAGE - 2)] if base == 79 else []
            after: list[Op] = [(code("mov", Type.I64), 21, 79)] if target == 79 else []
            load = (LD, target, base, 1, MO_16 | MO_SIGN | M, 4)
            assert guest.start(*before, load, *after, (EXIT, 8)) == Status.MEMORY
            assert (guest.env.mem_addr, guest.env.mem_kind & ~MO_SIGN) == (RAM + PAGE - 1, MO_16 | M)
            guest.env.buffer[0] = 0x8001
            buffer = guest.env.address + guest.layout.offset["buffer"]
            guest.env.addend = buffer - guest.env.mem_addr
            assert guest.go_on() == Status.LOOKUP
            assert guest.env.pc == PC + 8
            assert guest.get(21 if target == 79 else target) == 0xFFFFFFFFFFFF8001


def test_python_does_a_store(guest: Guest) -> None:
    for base in BASES[:2]:
        for value in (14, 21, 0):
            guest.set(base, RAM)
            guest.set(value, 0x1234 if value else 0)
            assert guest.start((ST, value, base, 0, MO_32 | M, 2), (EXIT, 8)) == Status.MEMORY
            assert guest.env.mem_kind == MO_32 | M | WRITE << 8
            assert guest.env.mem_value == guest.get(value)
            assert guest.env.insn_pc == PC + 2
            guest.env.addend = guest.env.address + guest.layout.offset["buffer"] - RAM
            assert guest.go_on() == Status.LOOKUP


def test_entry_without_a_limit_never_hits(guest: Guest) -> None:
    guest.put(guest.layout.tlb(MODE, READ) + ENTRY_BYTES * (RAM >> 12 & LEAST_TLB_ENTRIES - 1), RAM, 0, 0)
    guest.set(15, RAM)
    assert guest.start((LD, 14, 15, 0, MO_8 | M, 0), (EXIT, 8)) == Status.MEMORY


@pytest.mark.parametrize("size", [MO_8, MO_16, MO_32, MO_64])
def test_last_bytes_of_an_entry(guest: Guest, size: int) -> None:
    """They are served, by the TLB if not by the slot, and what goes on in another page is not."""
    guest.map(0, READ)
    for n in range(PAGE // 8):
        guest.memory[8 * n : 8 * n + 8] = (n * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "little")
    for at in range(PAGE - 8, PAGE):
        guest.set(15, RAM + at)
        fits = at + (1 << size) <= PAGE
        status = guest.start((LD, 14, 15, 0, size | M, 0), (EXIT, 8))
        assert status == (Status.LOOKUP if fits else Status.MEMORY)
        if fits:
            assert guest.get(14) == int.from_bytes(guest.memory[at : at + (1 << size)], "little")


def test_entry_of_several_pages_serves_accesses_across_them(guest: Guest) -> None:
    entry = guest.layout.tlb(MODE, READ) + ENTRY_BYTES * (RAM >> 12 & LEAST_TLB_ENTRIES - 1)
    guest.put(entry, RAM, 2 * PAGE - 7, guest.host - RAM)
    guest.memory[PAGE - 3 : PAGE + 5] = bytes(range(1, 9))
    guest.set(15, RAM + PAGE - 3)
    assert guest.start((LD, 14, 15, 0, MO_64 | M, 0), (EXIT, 8)) == Status.LOOKUP
    assert guest.get(14) == 0x0807060504030201
    guest.set(15, RAM + 2 * PAGE - 7)
    assert guest.start((LD, 14, 15, 0, MO_64 | M, 0), (EXIT, 8)) == Status.MEMORY


def test_access_across_pages_does_not_ask_the_native_helper(guest: Guest) -> None:
    guest.map(0, READ)
    guest.native(Helper.TLB_MISS, value=Action.CONTINUE)
    guest.set(15, RAM + PAGE - 3)
    assert guest.start((LD, 14, 15, 0, MO_32 | M, 0), (EXIT, 8)) == Status.MEMORY


@pytest.mark.parametrize("by", [1, 2, 4])
@pytest.mark.parametrize(
    "ops", [("guest_ld", MO_64 | MO_ALIGN), ("atomic_add", MO_64), ("guest_probe", MO_64 | MO_ALIGN)]
)
def test_misaligned_where_alignment_counts(guest: Guest, ops: tuple[str, int], by: int) -> None:
    name, mop = ops
    guest.map(0, READ, WRITE)
    guest.native(Helper.TLB_MISS, value=Action.CONTINUE)
    # One that is aligned has filled the slot.
    guest.set(15, RAM)
    assert guest.start((code("guest_ld", Type.I64), 14, 15, 0, MO_64 | M, 0), (EXIT, 8)) != Status.MEMORY
    guest.set(15, RAM + by)
    fields = {"guest_ld": (14, 15, 0), "atomic_add": (14, 15, 14), "guest_probe": (15, 0)}[name]
    op = (code(name, Type.I64), *fields, mop | M, *((WRITE,) if name == "guest_probe" else ()), 0)
    assert guest.start(op, (EXIT, 8)) == Status.MEMORY
    assert guest.env.mem_kind & MO_ALIGN
    assert bool(guest.env.mem_kind & KIND_ATOMIC) == (name == "atomic_add")
    assert bool(guest.env.mem_kind & KIND_PROBE) == (name == "guest_probe")


def test_probe_touches_nothing(guest: Guest) -> None:
    guest.map(0, WRITE)
    guest.set(15, RAM)
    probe = code("guest_probe", Type.I64)
    assert guest.start((probe, 15, 0, MO_64 | M, WRITE, 0), (EXIT, 8)) == Status.LOOKUP
    assert guest.slot(WRITE, 15)[0] == RAM
    assert guest.start((probe, 15, 0, MO_64 | M, READ, 0), (EXIT, 8)) == Status.MEMORY
    assert guest.env.mem_kind == MO_64 | M | KIND_PROBE
    assert guest.go_on() == Status.LOOKUP
    assert bytes(guest.memory[:8]) == bytes(8)


def test_atomics_are_of_word_size(guest: Guest) -> None:
    with pytest.raises(ValueError, match="32 or 64"):
        guest.backend.emit([(code("atomic_add", Type.I64), 14, 15, 2, MO_16, 0)], 0, 0)


def test_chain_and_kill(guest: Guest) -> None:
    for hot in (15, 14):
        guest.set(hot, 0)
    blocks = [
        guest.place(guest.backend.emit([(ADD, 15, 15, CONST, 1), (GOTO_TB, 0x20, 4)], 0, MODE), PC),
        guest.place(guest.backend.emit([(ADD, 14, 14, CONST, 1), (GOTO_TB, -0x20, 0x20)], 0x20, MODE), PC + 0x20),
    ]
    assert guest.runtime.enter(guest.env.address, blocks[0]) == Status.CHAIN
    assert guest.env.pc == PC + 0x20
    assert guest.chain_request() == (blocks[0], 0x20)
    guest.runtime.patch_exit(guest.env.resume, blocks[1])
    assert guest.runtime.enter(guest.env.address, blocks[0]) == Status.CHAIN
    assert (guest.env.pc, guest.get(15), guest.get(14)) == (PC, 2, 1)
    guest.kill(blocks[1])
    assert guest.runtime.enter(guest.env.address, blocks[0]) == Status.LOOKUP
    assert (guest.env.pc, guest.get(15), guest.get(14)) == (PC + 0x20, 3, 1)


def test_a_dead_block_stays_dead_when_its_exit_is_chained_late(guest: Guest) -> None:
    """An exit may be the first instruction; a vCPU on its way out when the block died patches it all the same."""
    for ops in ([(GOTO_TB, 0x20, 4)], [(BRCOND_TB, 15, CONST, 1, Cond.NE, 0x20, 4), (EXIT, 8)]):
        guest.set(15, 0)
        blocks = [guest.place(guest.backend.emit(ops, offset, MODE), PC + offset) for offset in (0, 0x20)]
        assert guest.runtime.enter(guest.env.address, blocks[0]) == Status.CHAIN
        resume = guest.env.resume
        guest.kill(blocks[0])
        guest.runtime.patch_exit(resume, blocks[1])
        assert guest.runtime.enter(guest.env.address, blocks[0]) == Status.LOOKUP
        assert guest.env.pc == PC


@pytest.mark.parametrize("offset", [0xFFC, 0xFFE])
def test_an_instruction_that_may_cross_pages_is_not_chained_to(guest: Guest, offset: int) -> None:
    delta = offset - 0xF00
    for exit in ((GOTO_TB, delta, 4), (BRCOND_TB, 15, CONST, -1, Cond.NE, delta, 4)):
        guest.set(15, 0)
        status = guest.start(exit, (EXIT, 0), page_offset=0xF00)
        assert (status, guest.env.pc) == (Status.CHAIN if offset == 0xFFC else Status.LOOKUP, PC + delta)


FIRST: tuple[tuple[Op, ...], ...] = (
    ((GOTO_TB, 8, 4),),
    ((BRCOND_TB, 15, 2, 0, Cond.EQ, 8, 4), (EXIT, 0)),
    ((BRCOND_TB, 3, CONST, 0x12345678, Cond.EQ, 8, 4), (EXIT, 0)),
    ((BRCOND_TB, 3, CONST, 0x123456789A, Cond.EQ, 8, 4), (EXIT, 0)),
    ((BRCOND_TB, 15, CONST, 0x123456789A, Cond.EQ, 8, 4), (EXIT, 0)),
    ((GOTO_PTR, 15),),
    ((EXIT, 0),),
    ((code("mb"),), (EXIT, 0)),
    ((code("div", Type.I32), 15, 2, 14, 0), (EXIT, 0)),
    ((LD, 15, 2, 8, MO_64 | M, 0), (EXIT, 0)),
)


@pytest.mark.parametrize("ops", FIRST)
def test_the_two_bytes_that_kill_a_block_are_one_instruction_of_it(guest: Guest, ops: tuple[Op, ...]) -> None:
    blob, entry = guest.backend.emit(ops, 0x10, MODE)
    assert next(iter(Decoder(64, blob[entry:]))).len >= len(DEAD_JUMP) == 2


@pytest.mark.parametrize("length", range(16))
def test_chained_displacement_lies_within_16_bytes(guest: Guest, length: int) -> None:
    padding: list[Op] = [(code("mov", Type.I64), 2, 15)] * length
    for exit in ((GOTO_TB, 8, 4), (BRCOND_TB, 15, 2, 0, Cond.EQ, 8, 4)):
        guest.set(15, 1)
        assert guest.start(*padding, *([] if padding else [(MOVI, 2, 1)]), exit, (EXIT, 0)) == Status.CHAIN
        position = guest.env.resume - guest.buffer.base
        field = position + int.from_bytes(guest.buffer.view[position + 8 : position + 12], "little", signed=True)
        assert field % 16 <= 12


def test_backward_branch_polls_before_it_is_done(guest: Guest) -> None:
    loop: list[Op] = [(ADD, 15, 15, CONST, 1), (BRCOND_TB, 15, CONST, 10, Cond.LT, 0, 4), (EXIT, 8)]
    entry = guest.place(guest.backend.emit(loop, 0x10, MODE))
    assert guest.runtime.enter(guest.env.address, entry) == Status.CHAIN
    guest.runtime.patch_exit(guest.env.resume, entry)
    assert guest.runtime.enter(guest.env.address, entry) == Status.LOOKUP
    assert (guest.env.pc, guest.get(15)) == (PC + 8, 10)
    guest.set(15, 0)
    guest.env.irq = 1
    assert guest.runtime.enter(guest.env.address, entry) == Status.INTERRUPT
    assert (guest.env.pc, guest.get(15)) == (PC + 4, 1)


def test_native_interrupt_goes_to_its_handler(guest: Guest) -> None:
    guest.native(Helper.INTERRUPT, *guest.field("irq", 0), *guest.field("pc", 0x5550), value=Action.JUMP)
    guest.env.irq = 1
    assert guest.start((EXIT, 8)) == Status.LOOKUP
    assert guest.env.pc == 0x5550


def jump(guest: Guest, pc: int) -> list[Callable[[], int]]:
    guest.set(20, pc)
    at = 0xFF8
    return [
        lambda: guest.start((GOTO_PTR, 20)),
        lambda: guest.start((GOTO_TB, 8, 0), page_offset=at, pc=pc - 8),
        lambda: guest.start((BRCOND_TB, 20, 20, 0, Cond.EQ, 8, 0), (EXIT, 0), page_offset=at, pc=pc - 8),
    ]


def test_indirect_and_cross_page_jumps_use_the_jump_cache(guest: Guest) -> None:
    pc = PC + 0x5000
    for go in jump(guest, pc):
        assert go() == Status.LOOKUP
        assert guest.env.pc == pc
    target = guest.place(guest.backend.emit([(MOVI, 21, 77), (EXIT, 4)], 0, MODE), pc)
    index = guest.env.index + (guest.layout.jump_cache(MODE) + (pc << 3 & 0x7FF0)) // 8
    guest.env.words[index], guest.env.words[index + 1] = pc, target
    for go in jump(guest, pc):
        guest.set(21, 0)
        assert go() == Status.LOOKUP
        assert (guest.env.pc, guest.get(21)) == (pc + 4, 77)
        guest.env.irq = 1
        assert go() == Status.INTERRUPT
        assert guest.env.pc == pc
        guest.env.irq = 0


def test_native_lookup_finds_the_block(guest: Guest) -> None:
    target = guest.place(guest.backend.emit([(MOVI, 21, 3), (CALL, CONST, CONST, CONST, CONST, 40, 0)], 0, MODE))
    guest.native(Helper.LOOKUP, *guest.field("ret", target))
    guest.set(15, 5)
    assert guest.start((ADD, 15, 15, CONST, 1), (EXIT, 8)) == Status.HELPER
    assert (guest.get(15), guest.get(21), guest.env.helper) == (6, 3, 40)


def test_native_lookup_chains(guest: Guest) -> None:
    target = guest.place(
        guest.backend.emit([(ADD, 21, 21, CONST, 1), (CALL, CONST, CONST, CONST, CONST, 40, 0)], 0, MODE)
    )
    guest.native(Helper.LOOKUP, *guest.field("ret", target))
    guest.set(21, 0)
    block = guest.place(guest.backend.emit([(ADD, 15, 15, CONST, 1), (GOTO_TB, 8, 4)], 0, MODE))
    assert guest.runtime.enter(guest.env.address, block) == Status.HELPER
    guest.env.natives[Helper.LOOKUP] = 0
    assert guest.runtime.enter(guest.env.address, block) == Status.HELPER
    assert (guest.get(15), guest.get(21)) == (2, 2)


def test_poll_of_a_field(guest: Guest) -> None:
    ops = ((code("poll"), guest.layout.offset["executed"], 4), (EXIT, 8))
    assert guest.start(*ops) == Status.LOOKUP
    assert guest.env.pc == PC + 8
    guest.env.executed = 1 << 40
    assert guest.start(*ops) == Status.LOOKUP
    assert guest.env.pc == PC + 4


def test_helper_in_python(guest: Guest) -> None:
    guest.set(15, 5)
    guest.set(20, 6)
    ops = ((MOVI, 79, 7), (CALL, 14, 15, 20, 79, 200, 10), (ADD, 15, 79, 14, 0), (EXIT, 8))
    assert guest.start(*ops) == Status.HELPER
    assert (guest.env.helper, list(guest.env.arg)[:3], guest.env.insn_pc) == (200, [5, 6, 7], PC + 10)
    guest.env.ret = 100
    assert guest.go_on() == Status.LOOKUP
    assert (guest.get(14), guest.get(15)) == (100, 107)


@pytest.mark.parametrize("action", list(Action))
def test_native_helper(guest: Guest, action: Action) -> None:
    guest.native(9, *guest.field("pc", 0x7770), *guest.field("ret", 42), *guest.field("mxcsr", 0x1F81), value=action)
    for hot in (2, 10):
        guest.set(hot, hot)
    status = guest.start((CALL, 14, CONST, CONST, CONST, 9, 0), (ADD, 2, 2, CONST, 1), (EXIT, 8))
    assert guest.env.mxcsr == 0x1F81
    expected = {
        Action.CONTINUE: Status.LOOKUP,
        Action.JUMP: Status.LOOKUP,
        Action.EXIT: Status.INTERRUPT,
        Action.SLOW: Status.HELPER,
    }
    assert status == expected[action]
    assert guest.env.pc == (PC + 8 if action == Action.CONTINUE else 0x7770)
    assert (guest.get(2), guest.get(10)) == (3 if action == Action.CONTINUE else 2, 10)


def test_clock_is_the_counter(guest: Guest) -> None:
    clock = code("clock", Type.I64)
    before = guest.runtime.read_counter()
    guest.run([(clock, 14), (clock, 20), (code("mb"),)])
    assert before < guest.get(14) < guest.get(20) < guest.runtime.read_counter()


def test_block_that_is_too_long_is_refused(guest: Guest) -> None:
    with pytest.raises(ValueError, match="too long"):
        guest.backend.emit([(LD, 20, 21, 8, MO_64, 0)] * 2000, 0, 0)


def test_host_without_a_needed_feature_is_refused(guest: Guest) -> None:
    with pytest.raises(RuntimeError, match="lacks bmi2"):
        X86Backend(guest.layout, (), frozenset(("sse2", "sse4_1", "popcnt", "bmi1", "abm", "pclmulqdq")))
