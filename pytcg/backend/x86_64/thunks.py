"""The runtime's routines in machine code: entry and exit, the TLB, finding blocks, polls and helpers.

All are reached from blocks by `call` or `jmp` through env.thunks (`docs/architecture.md`, "Blocks and host code").
Blocks keep nothing on the stack, so a routine that does not go back resets rsp from env.host_sp. What `info`, in eax,
holds is told there.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytcg.backend.base import KIND_ACCESS_SHIFT, Status
from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.asm import Assembler
from pytcg.backend.x86_64.emit.control import Thunk
from pytcg.backend.x86_64.emit.integer import READ_COUNTER
from pytcg.backend.x86_64.emit.memory import KINDS, memory_thunk
from pytcg.backend.x86_64.encode import R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, Mem
from pytcg.native.kernel import FUTEX, FUTEX_WAKE
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.state import (
    ADDEND,
    ENTRY_BYTES,
    FIRST_ADDRESS,
    IRQ_ALARM,
    LIMIT,
    NUM_MMU_MODES,
    NUM_SLOTS,
    TLB_SHIFT,
    WORD,
    WRITE,
    Layout,
)
from pytcg.tcg.types import MO_ALIGN, MO_MODE, MO_MODE_SHIFT, MO_SIZE

CALLEE_SAVED = (RBX, RBP, R12, R13, R14, R15)
PAGE = 4096
ENTRY_SHIFT = ENTRY_BYTES.bit_length() - 1
#: offset in siginfo_t
SI_VALUE = 24
# Words of env.scratch.
TEMP, INFO, MXCSR = 0, 1, 2
# Words of env.scratch that emitters of blocks use, from FLOAT_SCRATCH on.


class Thunks:
    """Assembles the routines for a layout and a mapping of globals (operand → host register)."""

    def __init__(self, layout: Layout, registers: Mapping[int, int]) -> None:
        self.layout = layout
        self.registers = registers
        self.a = Assembler()
        self._entry("enter")
        self._entry("resume")
        self._exit()
        self._chain()
        self._lookup()
        self._poll()
        self._dead()
        self._helper()
        self._miss()
        for kind in KINDS:
            for mode in range(NUM_MMU_MODES):
                for size in range(4):
                    self._memory(kind | mode << MO_MODE_SHIFT | size)
        self._call()
        self.a.label("read_counter")
        self.a(READ_COUNTER, x.RET)
        self._ring()
        self._alarm()
        self.code = self.a.finish()
        self.labels = self.a.labels
        named = {thunk: thunk.name.lower() for thunk in Thunk}
        memory = {
            memory_thunk(k | n): f"memory {k | n}"
            for k in KINDS
            for n in range(MO_SIZE + 1 << 5)
            if not n & ~(MO_SIZE | MO_MODE)
        }
        #: position in the code of each index of env.thunks
        self.positions = {index: self.labels[name] for index, name in (named | memory).items()}

    def _field(self, name: str, index: int = 0) -> Mem:
        return Mem(RBP, self.layout.offset[name] + WORD * index)

    def _save(self) -> None:
        """Guest registers and the block's temporary to the CPU state. Keeps the scratch registers and the flags."""
        for operand, register in self.registers.items():
            self.a(x.mov_store(1, Mem(RBP, self.layout.operand(operand)), register))
        self.a(x.mov_store(1, self._field("scratch", TEMP), R15))

    def _reload(self) -> None:
        """The inverse of `_save`."""
        for operand, register in self.registers.items():
            self.a(x.mov(1, register, Mem(RBP, self.layout.operand(operand))))
        self.a(x.mov(1, R15, self._field("scratch", TEMP)))

    def _entry(self, name: str) -> None:
        """enter(env, code) and resume(env): C functions that return a Status."""
        a = self.a
        a.label(name)
        a(*(x.push(register) for register in CALLEE_SAVED))
        a(x.mov(1, RBP, RDI), x.mov_store(1, self._field("host_sp"), RSP))
        a(x.stmxcsr(self._field("host_mxcsr")), x.ldmxcsr(self._field("mxcsr")))
        if name == "enter":
            a(x.mov(1, RAX, RSI))
            self._reload()
            a(x.jmp(RAX))
        else:
            self._resume()

    def _resume(self) -> None:
        """Go on with the access of env.mem_*, at env.addend."""
        self._reload()
        self.a(x.mov(1, RCX, self._field("addend")), x.mov(1, RDX, self._field("mem_addr")))
        self.a(x.jmp(self._field("resume")))

    def _call(self) -> None:
        """call(env, number): a C function that calls a compiled helper and returns its Action."""
        a = self.a
        a.label("call")
        a(*(x.push(register) for register in CALLEE_SAVED))
        a(x.mov(1, RBP, RDI), x.shl(0, RSI, 3))
        a(x.mov(1, RCX, Mem(RBP, self.layout.offset["natives"], RSI)), x.call(RCX))
        a(*(x.pop(register) for register in reversed(CALLEE_SAVED)), x.RET)

    def _ring(self) -> None:
        """ring(env, bits): a C function that sets bits of env.irq and wakes the vCPU if it sleeps on that word."""
        a = self.a
        irq = Mem(RDI, self.layout.offset["irq"])
        a.label("ring")
        a(x.lock_or(0, irq, RSI), x.lea(1, RDI, irq))
        a(x.mov_u32(RSI, FUTEX_WAKE), x.mov_u32(RDX, 1), x.mov_u32(RAX, FUTEX), x.SYSCALL, x.RET)

    def _alarm(self) -> None:
        """The handler of a vCPU's alarm signal: si_value of the siginfo in rsi is its env pointer."""
        self.a.label("alarm")
        self.a(x.mov(1, RAX, Mem(RSI, SI_VALUE)), x.lock_or_imm(0, Mem(RAX, self.layout.offset["irq"]), IRQ_ALARM))
        self.a(x.RET)
        self.a.label("end of alarm")

    def _exit(self) -> None:
        """Leave with the status in eax; the guest's registers have been saved."""
        a = self.a
        a.label("exit")
        a(x.mov(1, RSP, self._field("host_sp")))
        a(x.stmxcsr(self._field("mxcsr")), x.ldmxcsr(self._field("host_mxcsr")))
        a(*(x.pop(register) for register in reversed(CALLEE_SAVED)), x.RET)

    def _leave(self, status: Status) -> None:
        self.a(x.mov_u32(RAX, status))
        self.a.jump("exit")

    def _chain(self) -> None:
        """An exit that has no target yet: chain it to its target if that is placed, or leave to Python."""
        a = self.a
        a.label("chain")
        self._save()
        a(x.pop(RAX), x.mov_store(1, self._field("resume"), RAX))
        a(x.movsxd(RCX, Mem(RAX, 4)), x.add(1, RCX, RAX))  # the block's entry
        a(x.movsxd(RAX, Mem(RAX)), x.add(1, RAX, Mem(RCX, -8)), x.mov_store(1, self._field("pc"), RAX))
        self._call_native(Helper.LOOKUP, "chain in Python")
        a(x.cmp_imm(0, RAX, Action.JUMP))
        a.jump_if(x.E, "find")
        a.jump_if(x.A, "chain in Python")
        a(x.mov(1, RDX, self._field("resume")), x.movsxd(RCX, Mem(RDX, 8)), x.add(1, RCX, RDX))  # the rel32
        a(x.mov(1, RAX, self._field("ret")), x.sub(1, RAX, RCX), x.sub_imm(1, RAX, 4))
        a(x.add(1, RCX, self._field("code_alias")), x.mov_store(0, Mem(RCX), RAX))
        self._reload()
        a(x.jmp(self._field("ret")))
        a.label("chain in Python")
        self._leave(Status.CHAIN)

    def _lookup(self) -> None:
        """Find the block for the guest pc in rax; `find` does so for env.pc with registers saved."""
        a = self.a
        a.label("lookup")
        a(x.mov_store(1, self._field("pc"), RAX))
        self._save()
        a.label("find")
        a(x.mov(1, RSP, self._field("host_sp")))
        a(x.cmp_imm(0, self._field("irq"), 0))
        a.jump_if(x.NE, "interrupt")
        self._call_native(Helper.LOOKUP, "lookup fails")
        a(x.cmp_imm(0, RAX, Action.JUMP))
        a.jump_if(x.E, "find")
        a.jump_if(x.A, "lookup fails")
        self._reload()
        a(x.jmp(self._field("ret")))
        a.label("lookup fails")
        self._leave(Status.LOOKUP)
        a.label("interrupt")
        self._call_native(Helper.INTERRUPT, "interrupt fails")
        a(x.cmp_imm(0, RAX, Action.EXIT))
        a.jump_if(x.NE, "find")
        a.label("interrupt fails")
        self._leave(Status.INTERRUPT)

    def _call_native(self, helper: Helper, absent: str) -> None:
        """Call a compiled helper, or go to `absent`. Its Action is in eax."""
        self.a(x.mov(1, RCX, self._field("natives", helper)), x.test(1, RCX, RCX))
        self.a.jump_if(x.E, absent)
        self.a(x.call(RCX))

    def _insn_pc(self) -> None:
        """env.insn_pc of info in eax and the return address in rdx. rax holds the pc afterwards; destroys rdx."""
        a = self.a
        a(x.movsxd(RAX, RAX), x.mov_store(1, self._field("scratch", INFO), RAX))
        a(x.sar(1, RAX, 16), x.sub(1, RDX, RAX), x.mov(1, RDX, Mem(RDX, -8)))
        a(x.movzx16(RAX, self._field("scratch", INFO)), x.shr(0, RAX, 5), x.add(0, RAX, RAX), x.add(1, RAX, RDX))
        a(x.mov_store(1, self._field("insn_pc"), RAX))

    def _poll(self) -> None:
        """A backward branch saw an exit request: the branch is to be done again afterwards."""
        a = self.a
        a.label("poll")
        self._save()
        a(x.pop(RDX))
        self._insn_pc()
        a(x.mov_store(1, self._field("pc"), RAX))
        a.jump("interrupt")

    def _dead(self) -> None:
        """A dead block was entered, and has called this from in front of its header."""
        a = self.a
        a.label("dead")
        a(x.pop(RAX), x.mov(1, RAX, Mem(RAX)))
        a.jump("lookup")

    def _helper(self) -> None:
        """Call helper number ecx and go back, unless it or Python decides otherwise.

        The guest's MXCSR is in env.mxcsr then.
        """
        a = self.a
        mxcsr = self._field("mxcsr")
        a.label("helper")
        self._save()
        a(
            x.mov_store(1, self._field("helper"), RCX),
            x.mov(1, RDX, Mem(RSP)),
            x.mov_store(1, self._field("resume"), RDX),
        )
        self._insn_pc()
        a(x.lea(1, RCX, Mem(RCX, 0, RCX)), x.add(0, RCX, RCX), x.add(0, RCX, RCX))
        a(x.mov(1, RCX, Mem(RBP, self.layout.offset["natives"], RCX)), x.test(1, RCX, RCX))
        a.jump_if(x.E, "helper in Python")
        a(x.stmxcsr(mxcsr), x.mov(0, RAX, mxcsr), x.mov_store(0, self._field("scratch", MXCSR), RAX))
        a(x.call(RCX))
        a(x.mov(0, RCX, mxcsr), x.cmp(0, RCX, self._field("scratch", MXCSR)))
        a(x.jcc8(x.E, len(x.ldmxcsr(mxcsr))), x.ldmxcsr(mxcsr))
        a(x.cmp_imm(0, RAX, Action.JUMP))
        a.jump_if(x.E, "find")
        a.jump_if(x.A, "helper does not go on")
        self._reload()
        a(x.RET)
        a.label("helper does not go on")
        a(x.cmp_imm(0, RAX, Action.EXIT))
        a.jump_if(x.E, "interrupt fails")
        a.label("helper in Python")
        self._leave(Status.HELPER)

    def _miss(self) -> None:
        """The TLB has no entry: `fill` asks the helper TLB_MISS and goes back, `slow` leaves to Python.

        rcx is mem_kind; on the stack are the return address of the call of `fill` or `slow`, the guest address, and the
        return address of the block's stub.
        """
        a = self.a
        a.label("fill")
        self._miss_state()
        self._call_native(Helper.TLB_MISS, "access in Python")
        a(x.cmp_imm(0, RAX, Action.JUMP))
        a.jump_if(x.E, "find")
        a.jump_if(x.A, "register")
        self._reload()
        a(x.mov(1, RAX, self._field("scratch", INFO)), x.RET)
        a.label("register")
        self._call_native(Helper.REGISTER, "access in Python")
        a(x.cmp_imm(0, RAX, Action.CONTINUE))
        a.jump_if(x.NE, "access in Python")
        a(x.mov(1, RSP, self._field("host_sp")))
        self._resume()
        a.label("slow")
        self._miss_state()
        a.label("access in Python")
        self._leave(Status.MEMORY)

    def _miss_state(self) -> None:
        a = self.a
        self._save()
        a(x.mov_store(1, self._field("mem_kind"), RCX))
        a(
            x.mov(1, RDX, Mem(RSP, 8)),
            x.mov_store(1, self._field("mem_addr"), RDX),
            x.mov_store(1, self._field("arg"), RDX),
        )
        a(
            x.mov(0, RDX, RCX),
            x.shr(0, RDX, KIND_ACCESS_SHIFT),
            x.and_imm(0, RDX, 1),
            x.mov_store(1, self._field("arg", 1), RDX),
        )
        a(x.shr(0, RCX, MO_MODE_SHIFT), x.and_imm(0, RCX, 3), x.mov_store(1, self._field("arg", 2), RCX))
        # the slot: (mode * 2 + access) * NUM_SLOTS + register
        a(x.lea(0, RDX, Mem(RDX, 0, RCX)), x.add(0, RDX, RCX), x.shl(0, RDX, 5))
        a(x.mov(0, RCX, RAX), x.and_imm(0, RCX, NUM_SLOTS - 1), x.add(0, RDX, RCX), x.shl(0, RDX, ENTRY_SHIFT))
        a(x.add_imm(1, RDX, self.layout.offset["slots"]), x.mov_store(1, self._field("mem_slot"), RDX))
        a(x.mov(1, RDX, Mem(RSP, 16)), x.mov_store(1, self._field("resume"), RDX))
        self._insn_pc()

    def _memory(self, kind: int) -> None:
        """Find the TLB entry for address rdx, copy it to the slot, and return the addend in rcx with rdx kept."""
        a = self.a
        size, mode = 1 << (kind & MO_SIZE), (kind & MO_MODE) >> MO_MODE_SHIFT
        access = kind >> KIND_ACCESS_SHIFT & 1
        tlb, slots = self.layout.tlb(mode, access), self.layout.slot(mode, access, 0)
        entry, slot = ([Mem(RBP, at + WORD * n, r) for n in range(3)] for at, r in ((tlb, RCX), (slots, RAX)))
        name = f"memory {kind}"
        a.label(name)
        a(x.mov(0, RCX, RDX), x.shr(0, RCX, TLB_SHIFT), x.and_(0, RCX, self._field("tlb_masks", mode * 3 + access)))
        a(x.push(RDX))
        if kind & MO_ALIGN and size > 1:
            a(x.test_imm8(Mem(RSP), size - 1))
            a.jump_if(x.NE, f"{name} slow")
        a(x.sub(1, RDX, entry[FIRST_ADDRESS]), x.cmp(1, RDX, entry[LIMIT]))
        a.jump_if(x.AE, f"{name} misses")
        a(x.and_imm(0, RAX, NUM_SLOTS - 1), x.shl(0, RAX, ENTRY_SHIFT))
        for word in (FIRST_ADDRESS, LIMIT, ADDEND):
            a(x.mov(1, RDX, entry[word]), x.mov_store(1, slot[word], RDX))
        if access == WRITE:
            # Another vCPU that places code in the page empties the TLB, then the slots, with a barrier between.
            a(x.cmp_imm(1, entry[LIMIT], 0))
            a.jump_if(x.E, f"{name} withdrawn")
        a(x.mov(1, RCX, RDX), x.pop(RDX), x.RET)
        if access == WRITE:
            a.label(f"{name} withdrawn")
            a(x.mov_imm(1, slot[LIMIT], 0), x.mov(1, RCX, RDX), x.pop(RDX), x.RET)
        a.label(f"{name} misses")
        if size < WORD:
            # It may lie in the last bytes, which the limit leaves out.
            a(x.sub_imm(1, RDX, WORD - size), x.cmp(1, RDX, entry[LIMIT]))
            a.jump_if(x.AE, f"{name} is elsewhere")
            a(x.mov(1, RCX, entry[ADDEND]), x.pop(RDX), x.RET)
            a.label(f"{name} is elsewhere")
        if size > 1:
            a(x.mov(0, RDX, Mem(RSP)), x.and_imm(0, RDX, PAGE - 1), x.cmp_imm(0, RDX, PAGE - size))
            a.jump_if(x.A, f"{name} slow")
        a.label(f"{name} fill")
        a(x.mov_u32(RCX, kind))
        a.call("fill")
        a(x.pop(RDX))
        a.jump(name)
        a.label(f"{name} slow")
        a(x.mov_u32(RCX, kind))
        a.call("slow")
