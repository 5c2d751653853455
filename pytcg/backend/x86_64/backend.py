"""The x86-64 backend: one forward pass over the ops of a block, whose host bytes are remembered op by op."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from struct import Struct
from struct import error as struct_error

from pytcg.backend.base import HostBlock
from pytcg.backend.x86_64.emit.bits import BITS
from pytcg.backend.x86_64.emit.control import CONTROL, BlockWriter, Control, Place
from pytcg.backend.x86_64.emit.floats import FLOATS, FloatContext
from pytcg.backend.x86_64.emit.host import HOST
from pytcg.backend.x86_64.emit.integer import INTEGER
from pytcg.backend.x86_64.emit.memory import ACCESSES, MEMORY, MOV_EAX, Access, Guarded
from pytcg.backend.x86_64.emit.multiply import MULTIPLY
from pytcg.backend.x86_64.emit.operands import Operands
from pytcg.backend.x86_64.encode import R8, R9, R10, R11, R12, R13, R14, R15, RBX, RDI, RSI
from pytcg.tcg.ops import OPS, Op
from pytcg.tcg.passes.forward import forward, is_loop
from pytcg.tcg.state import HOST_REG, NUM_GLOBALS, Layout

#: host registers of the hottest globals, hottest first
GLOBAL_REGISTERS = (RBX, RSI, RDI, R8, R9, R10, R11, R12, R13, R14)
TEMP_REGISTER = R15
REQUIRED_FEATURES = frozenset(("sse2", "sse4_1", "popcnt", "bmi1", "bmi2", "abm", "pclmulqdq"))

#: emitters of the ops whose bytes depend on their tuple alone
SIMPLES = INTEGER | MULTIPLY | BITS | HOST
SIMPLE, ACCESS, CONTROLLED, GUARDED, FLOAT = range(5)
_GROUPS = ((SIMPLES, SIMPLE), (ACCESSES, ACCESS), (CONTROL, CONTROLLED), (MEMORY, GUARDED), (FLOATS, FLOAT))
_KIND_BY_NAME = {name: kind for group, kind in _GROUPS for name in group}
#: by op code, how the op is emitted
KIND = tuple(_KIND_BY_NAME[row.name] for row in OPS for _ in range(8))
_WRITERS = tuple(CONTROL.get(row.name, BlockWriter.label) for row in OPS)
_pack_displacement = Struct("<i").pack
#: ops whose host bytes are remembered, at most: those with a constant are without number
MOST_OPS = 1 << 16


def host_features() -> frozenset[str]:
    """Names of the host CPU's features, as Linux gives them in /proc/cpuinfo."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


class X86Backend:
    """Emits blocks for one mapping of the hottest globals to host registers.

    Native routines are emitted by an instance without hot registers, as guest registers are in the CPU state while one
    runs. Raises RuntimeError if the host CPU lacks a feature that the emitted code needs.
    """

    temp_pool: tuple[int, ...] = (HOST_REG + TEMP_REGISTER,)
    native_pool: tuple[int, ...] = tuple(HOST_REG + n for n in (*GLOBAL_REGISTERS, TEMP_REGISTER))

    def __init__(self, layout: Layout, hot_registers: Sequence[int], features: frozenset[str] | None = None) -> None:
        features = host_features() if features is None else features
        if missing := REQUIRED_FEATURES - features:
            raise RuntimeError(f"the host CPU lacks {', '.join(sorted(missing))}")
        #: host register of each global that has one
        self.registers = dict(zip(hot_registers, GLOBAL_REGISTERS, strict=False))
        #: globals that have none
        self.cold_registers = frozenset(range(1, NUM_GLOBALS)).difference(self.registers)
        self.layout = layout
        self._operands = Operands(layout, self.registers)
        self.writer = BlockWriter(Control(self._operands))
        self._floats = FloatContext(self._operands, "fma" in features)
        self._simple: dict[Op, bytes] = {}
        self._accesses: dict[tuple[int, ...], Access] = {}
        self._guarded: dict[Op, Guarded] = {}

    def emit(self, ops: list[Op], page_offset: int, mode: int) -> HostBlock:
        """Host code of one block, whose first byte lies at `page_offset` in its page, under data MMU mode `mode`.

        Not reentrant. Raises ValueError for a block whose stubs lie more than 32 KiB from its entry.
        """
        if len(self._simple) >= MOST_OPS:
            self._simple.clear()
        ops = self.rewritten(ops)
        writer = self.writer
        writer.start(page_offset, mode)
        try:
            _, low = self.write(writer, ops, 0, -len(writer.control.header))
        except struct_error as error:
            raise ValueError("the host code of a block is too long") from error
        return HostBlock(writer.finish(), -low)

    def rewritten(self, ops: list[Op]) -> list[Op]:
        """The ops that are emitted for those of a block: themselves, unless it is a loop."""
        return forward(ops, self.cold_registers, self.temp_pool[0]) if is_loop(ops) else ops

    def write(self, writer: BlockWriter, ops: Iterable[Op], position: int, low: int) -> Place:
        """Write ops from a place on; returns where they end."""
        simple, accesses, guarded = self._simple, self._accesses, self._guarded
        hot, cold, kinds, writers, pack = writer.hot, writer.cold, KIND, _WRITERS, _pack_displacement
        for op in ops:
            code = op[0]
            kind = kinds[code]
            if kind == SIMPLE:
                piece = simple.get(op)
                if piece is None:
                    piece = simple[op] = SIMPLES[OPS[code >> 3].name](self._operands, op)
                hot.append(piece)
                position += len(piece)
            elif kind == ACCESS:
                _, value, base, off, mop, insn = op
                form = (code, value, base, mop, -128 <= off < 128) if off else (code, value, base, mop)
                access = accesses.get(form) or self.access(op)
                fill, address, check, use, rest, branch, resume, size, stub, head, info, call, below, above = access
                back = position + resume - low
                info |= insn << 4
                if off:
                    cold.append(stub(head, off, MOV_EAX, info, low - above, call, back))
                    low -= below
                    hot.append(fill(address, off, check, low - position - branch, use, off, rest))
                else:
                    cold.append(stub(head, MOV_EAX, info, low - above, call, back))
                    low -= below
                    hot.append(fill(address, check, low - position - branch, use, rest))
                position += size
            elif kind == CONTROLLED:
                position, low = writers[code >> 3](writer, op, position, low)
            else:
                key, insn = (op[:-1], op[-1]) if kind == GUARDED else (op, 0)
                entry = guarded.get(key)
                if entry is None:
                    entry = guarded[key] = self._guard(key)
                segments, resume, info, head, below, above, call, fill_stub = entry
                if len(segments) > 1:
                    cold.append(fill_stub(head, info | insn << 4, low - above, call, position + resume - low))
                    low -= below
                    for piece in segments[:-1]:
                        position += len(piece) + 4
                        hot += (piece, pack(low - position))
                hot.append(segments[-1])
                position += len(segments[-1])
        return position, low

    def access(self, op: Op) -> Access:
        """The template of a load or store."""
        code, value, base, off, mop, _ = op
        form = (code, value, base, mop, -128 <= off < 128) if off else (code, value, base, mop)
        access = self._accesses.get(form)
        if access is None:
            access = self._accesses[form] = ACCESSES[OPS[code >> 3].name](self._operands, op)
        return access

    def _guard(self, key: Op) -> Guarded:
        name = OPS[key[0] >> 3].name
        return MEMORY[name](self._operands, key) if name in MEMORY else FLOATS[name](self._floats, key)
