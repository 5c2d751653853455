"""What the runtime's routines are assembled with."""

from __future__ import annotations

from collections.abc import Mapping

from pytcg.backend.base import Status
from pytcg.backend.x86_64 import encode as x
from pytcg.backend.x86_64.asm import Assembler
from pytcg.backend.x86_64.encode import R15, RAX, RBP, RCX, RDX, Mem
from pytcg.tcg.helpers import Helper
from pytcg.tcg.state import WORD, Layout

# Words of env.scratch; emitters of blocks use those from FLOAT_SCRATCH on.
TEMP, INFO, MXCSR = 0, 1, 2


class Routines(Assembler):
    """An assembler that knows the CPU state's layout and the mapping of globals (operand → host register)."""

    def __init__(self, layout: Layout, registers: Mapping[int, int]) -> None:
        super().__init__()
        self.layout = layout
        self.registers = registers

    def field(self, name: str, index: int = 0) -> Mem:
        """A word of the CPU state."""
        return Mem(RBP, self.layout.offset[name] + WORD * index)

    def save(self) -> None:
        """Guest registers and the block's temporary to the CPU state. Keeps the scratch registers and the flags."""
        for operand, register in self.registers.items():
            self(x.mov_store(1, Mem(RBP, self.layout.operand(operand)), register))
        self(x.mov_store(1, self.field("scratch", TEMP), R15))

    def reload(self) -> None:
        """The inverse of `save`."""
        for operand, register in self.registers.items():
            self(x.mov(1, register, Mem(RBP, self.layout.operand(operand))))
        self(x.mov(1, R15, self.field("scratch", TEMP)))

    def resume(self) -> None:
        """Go on with the access of env.mem_*, at env.addend."""
        self.reload()
        self(x.mov(1, RCX, self.field("addend")), x.mov(1, RDX, self.field("mem_addr")))
        self(x.jmp(self.field("resume")))

    def leave(self, status: Status) -> None:
        """Back to Python, with a status. The guest's registers have been saved."""
        self(x.mov_u32(RAX, status))
        self.jump("exit")

    def call_native(self, helper: Helper, absent: str) -> None:
        """Call a compiled helper, or go to `absent`. Its Action is in eax."""
        self(x.mov(1, RCX, self.field("natives", helper)), x.test(1, RCX, RCX))
        self.jump_if(x.E, absent)
        self(x.call(RCX))

    def insn_pc(self) -> None:
        """env.insn_pc of info in eax and the return address in rdx. rax holds the pc afterwards; destroys rdx."""
        self(x.movsxd(RAX, RAX), x.mov_store(1, self.field("scratch", INFO), RAX))
        self(x.sar(1, RAX, 16), x.sub(1, RDX, RAX), x.mov(1, RDX, Mem(RDX, -8)))
        self(x.movzx16(RAX, self.field("scratch", INFO)), x.shr(0, RAX, 5), x.add(0, RAX, RAX), x.add(1, RAX, RDX))
        self(x.mov_store(1, self.field("insn_pc"), RAX))
