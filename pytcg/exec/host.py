"""The machine-code backend as the engine uses it: code memory, runtime, compiled helpers, templates of blocks."""

from __future__ import annotations

from pytcg.backend.x86_64.emit.control import DEAD_JUMP
from pytcg.backend.x86_64.runtime import Runtime
from pytcg.debug.log import BlockLog
from pytcg.exec.blocks.templates import Templates
from pytcg.exec.compiled import CompiledHelpers
from pytcg.tcg.ops import Op
from pytcg.tcg.state import Env

#: bytes of templates at least: with little code memory, blocks are to be placed anew rather than translated anew
LEAST_TEMPLATES = 64 << 20
#: bytes of code memory for blocks at least: one of 64 instructions is to find room
LEAST_BLOCKS = 16 << 10


class MachineCodeHost:
    """Code memory for x86-64 machine code, with the runtime and the compiled helpers at its start, and templates.

    Raises ValueError for code memory that leaves too little room for blocks.
    """

    def __init__(self, runtime: Runtime, helpers: CompiledHelpers, log: BlockLog | None = None) -> None:
        self.runtime = runtime
        self.helpers = helpers
        self.log = log
        self.buffer = runtime.buffer
        self.layout = runtime.layout
        self.emit = runtime.backend.emit
        #: the two bytes that kill a block, as a number
        self.dead = int.from_bytes(DEAD_JUMP, "little")
        room = self.buffer.size - helpers.end
        if room < LEAST_BLOCKS:
            raise ValueError(
                f"code memory of {self.buffer.size} bytes leaves {max(room, 0)} of the {LEAST_BLOCKS} that blocks need"
            )
        self.templates = Templates(max(self.buffer.size, LEAST_TEMPLATES))

    def code_range(self) -> tuple[int, int]:
        """Host addresses of the first byte that blocks may use, and after the last."""
        return self.buffer.base + self.helpers.end, self.buffer.base + self.buffer.size

    def attach(self, env: Env) -> None:
        """Make a vCPU's state ready for machine code."""
        self.runtime.install(env)
        self.helpers.attach(env)

    def make(self, ops: list[Op], flags: int, offset: int, guest: bytes, insns: int, prefix: int) -> int:
        """Make the template of a block of allocated ops: its host address. See `exec/translate.py`, Make.

        Raises TemplatesFull.
        """
        code, entry = self.emit(ops, offset, flags & 3)
        if self.log is not None:
            rewritten = self.runtime.backend.rewritten(ops)
            if rewritten is not ops:
                self.log.rewritten(rewritten)
            self.log.host(code, entry)
        return self.templates.add(code, entry, flags, offset, guest, insns, prefix)
