"""The machine-code backend as the engine uses it: code memory, runtime, compiled helpers, templates of blocks."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from struct import Struct

from pytcg.backend.codebuffer import CodeBuffer
from pytcg.backend.x86_64.backend import X86Backend
from pytcg.backend.x86_64.emit.control import DEAD_JUMP
from pytcg.backend.x86_64.runtime import Runtime
from pytcg.debug.log import BlockLog
from pytcg.exec.blocktable import GUEST, SharedWords, TemplatesFull
from pytcg.exec.store import TranslationStore
from pytcg.native import NativeFunction
from pytcg.tcg.ops import Op
from pytcg.tcg.regalloc import NATIVE_SPILLS, allocate
from pytcg.tcg.state import WORD, Env, Layout

TEMPLATE_HEADER = Struct("<QQQQQQ")
#: bytes of templates at least: with little code memory, blocks are to be placed anew rather than translated anew
LEAST_TEMPLATES = 64 << 20


class MachineCodeHost:
    """Code memory for x86-64 machine code, with the runtime and the compiled helpers at its start.

    A *template* is the host code of a block, free of addresses, in memory of its own from which machine code too can
    place it.
    """

    def __init__(self, layout: Layout, hot_registers: Sequence[int], size: int, log: BlockLog | None = None) -> None:
        self.layout = layout
        self.log = log
        self.backend = X86Backend(layout, hot_registers)
        self.buffer = CodeBuffer(size)
        self.runtime = Runtime(self.backend, self.buffer)
        self.temp_pool = self.backend.temp_pool
        self.emit = self.backend.emit
        #: the two bytes that kill a block, as a number
        self.dead = int.from_bytes(DEAD_JUMP, "little")
        self.natives: dict[int, int] = {}
        self.templates = SharedWords(max(size, LEAST_TEMPLATES) // WORD)
        self.template_bytes = self.templates.words.cast("B")
        self.template_end = 0
        #: bytes of all templates made, without their headers
        self.code_bytes = 0

    def compile_helpers(
        self, helpers: Sequence[Callable[[Env], int] | None], store: TranslationStore | None = None
    ) -> None:
        """Compile those helpers that are native routines, or take them as an earlier run has compiled them."""
        compiled = store and store.load_helpers()
        if not compiled:
            compiled = self._compiled(helpers)
            if store:
                store.save_helpers(compiled)
        for number, blob, entry in compiled:
            self.natives[number] = self.runtime.place(blob, entry, 0)

    def _compiled(self, helpers: Sequence[Callable[[Env], int] | None]) -> list[tuple[int, bytes, int]]:
        """Number, host code and its entry of each helper that is a native routine."""
        from pytcg.native.compiler import compile_native

        backend = X86Backend(self.layout, ())
        compiled = []
        for number, helper in enumerate(helpers):
            if isinstance(helper, NativeFunction):
                ops, temps = compile_native(helper, self.layout)
                code = backend.emit(allocate(ops, temps, backend.native_pool, NATIVE_SPILLS), 0, 0)
                compiled.append((number, *code))
        return compiled

    def code_range(self) -> tuple[int, int]:
        """Host addresses of the first byte that blocks may use, and after the last."""
        return self.buffer.base + self.buffer.position, self.buffer.base + self.buffer.size

    def attach(self, env: Env) -> None:
        """Make a vCPU's state ready for machine code."""
        self.runtime.install(env)
        first = env.index + self.layout.offset["natives"] // WORD
        for number, address in self.natives.items():
            env.words[first + number] = address

    def make(self, ops: list[Op], flags: int, offset: int, guest: bytes, insns: int, prefix: int) -> int:
        """Make the template of a block of allocated ops: its host address. See `exec/translate.py`, Make.

        Raises TemplatesFull.
        """
        blob, entry = self.emit(ops, offset, flags & 3)
        if self.log is not None:
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
