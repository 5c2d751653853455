"""The machine-code backend as the engine uses it: code memory, runtime, compiled helpers, templates of blocks."""

from __future__ import annotations

import ctypes
from struct import Struct

from pytcg.backend.x86_64.emit.control import DEAD_JUMP
from pytcg.backend.x86_64.runtime import Runtime
from pytcg.debug.log import BlockLog
from pytcg.exec.blocktable import GUEST, SharedWords, TemplatesFull
from pytcg.exec.compiled import CompiledHelpers
from pytcg.tcg.ops import Op
from pytcg.tcg.state import WORD, Env

TEMPLATE_HEADER = Struct("<QQQQQQ")
#: bytes of templates at least: with little code memory, blocks are to be placed anew rather than translated anew
LEAST_TEMPLATES = 64 << 20


def template_size(data: memoryview, at: int) -> int:
    """Bytes of the template at an offset in memory, its padding included."""
    code_length, _, guest_length, _, _, _ = TEMPLATE_HEADER.unpack_from(data, at)
    return int(GUEST + (guest_length + WORD - 1 & -WORD) + (code_length + WORD - 1 & -WORD))


class MachineCodeHost:
    """Code memory for x86-64 machine code, with the runtime and the compiled helpers at its start.

    A *template* is the host code of a block, free of addresses, in memory of its own from which machine code too can
    place it.
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
        self.templates = SharedWords(max(self.buffer.size, LEAST_TEMPLATES) // WORD)
        self.template_bytes = self.templates.words.cast("B")
        self.template_end = 0
        #: bytes of all templates made, without their headers
        self.code_bytes = 0

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
        blob, entry = self.emit(ops, offset, flags & 3)
        if self.log is not None:
            rewritten = self.runtime.backend.rewritten(ops)
            if rewritten is not ops:
                self.log.rewritten(rewritten)
            self.log.host(blob, entry)
        length, guest_length = len(blob), len(guest)
        start = self.template_end
        code = start + GUEST + (guest_length + WORD - 1 & -WORD)
        end = code + (length + WORD - 1 & -WORD)
        if end > len(self.template_bytes):
            raise TemplatesFull
        memory = self.template_bytes
        memory[start : start + GUEST] = TEMPLATE_HEADER.pack(
            length, entry, guest_length, insns, flags << 12 | offset, prefix
        )
        memory[start + GUEST : start + GUEST + guest_length] = guest
        memory[code : code + length] = blob
        self.template_end = end
        self.code_bytes += length
        return self.templates.address + start

    def guest_of(self, template: int) -> tuple[bytes, int]:
        """The guest bytes of a template, and how many instructions they are."""
        _, _, length, insns, _, _ = TEMPLATE_HEADER.unpack(ctypes.string_at(template, GUEST))
        return ctypes.string_at(template + GUEST, length), insns

    def reset_templates(self) -> None:
        """Forget all templates. No block may be placed or run."""
        self.template_end = 0
