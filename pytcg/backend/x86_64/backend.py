"""The x86-64 backend: one forward pass over the ops of a block, whose host bytes are remembered op by op."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from struct import Struct
from struct import error as struct_error

from pytcg.backend.base import HostBlock
from pytcg.backend.x86_64.emit.control import CONTROL, BlockWriter, Control
from pytcg.backend.x86_64.emit.floats import FLOATS, FloatContext
from pytcg.backend.x86_64.emit.integer import INTEGER
from pytcg.backend.x86_64.emit.memory import MEMORY, Guarded
from pytcg.backend.x86_64.emit.operands import Operands
from pytcg.backend.x86_64.encode import R8, R9, R10, R11, R12, R13, R14, R15, RBX, RDI, RSI
from pytcg.tcg.ops import OPS, Op
from pytcg.tcg.state import HOST_REG, Layout

#: host registers of the hottest globals, hottest first
GLOBAL_REGISTERS = (RBX, RSI, RDI, R8, R9, R10, R11, R12, R13, R14)
TEMP_REGISTER = R15
REQUIRED_FEATURES = frozenset(("sse2", "sse4_1", "popcnt", "bmi1", "bmi2", "abm", "pclmulqdq"))

SIMPLE, GUEST, FLOAT, CONTROLLED = range(4)
_GROUPS = ((INTEGER, SIMPLE), (MEMORY, GUEST), (FLOATS, FLOAT), (CONTROL, CONTROLLED))
_KIND_BY_NAME = {name: kind for group, kind in _GROUPS for name in group}
#: by op code, how the op is emitted
KIND = tuple(_KIND_BY_NAME[row.name] for row in OPS for _ in range(8))
_WRITERS = tuple(CONTROL.get(row.name, BlockWriter.label) for row in OPS)
_pack_displacement = Struct("<i").pack


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
        self.layout = layout
        self._operands = Operands(layout, self.registers)
        self._control = Control(self._operands)
        self._floats = FloatContext(self._operands, "fma" in features)
        self._simple: dict[Op, bytes] = {}
        self._guest: dict[Op, Guarded] = {}
        self._float: dict[Op, Guarded] = {}

    def emit(self, ops: Iterable[Op], page_offset: int, mode: int) -> HostBlock:
        """Host code of one block, whose first byte lies at `page_offset` in its page, under data MMU mode `mode`.

        Raises ValueError for a block whose stubs lie more than 32 KiB from its entry.
        """
        writer = BlockWriter(self._control, page_offset, mode)
        try:
            self._write(writer, ops)
        except struct_error as error:
            raise ValueError("the host code of a block is too long") from error
        blob = writer.finish()
        return HostBlock(blob, len(blob) - writer.position)

    def _write(self, writer: BlockWriter, ops: Iterable[Op]) -> None:
        simple, guest, floats = self._simple, self._guest, self._float
        hot, cold, kinds, writers, pack = writer.hot, writer.cold, KIND, _WRITERS, _pack_displacement
        position, low = 0, writer.low
        for op in ops:
            code = op[0]
            kind = kinds[code]
            if kind == SIMPLE:
                piece = simple.get(op)
                if piece is None:
                    piece = simple[op] = INTEGER[OPS[code >> 3].name](self._operands, op)
                hot.append(piece)
                position += len(piece)
            elif kind == GUEST:
                key = op[:-1]
                entry = guest.get(key)
                if entry is None:
                    entry = guest[key] = MEMORY[OPS[code >> 3].name](self._operands, key)
                (check, access), resume, info, head, length, returns, call, pack_stub = entry
                cold += (pack_stub(info | op[-1] << 4, low - returns, call, position + resume - low), head)
                low -= length
                position += len(check) + 4
                hot += (check, pack(low - position), access)
                position += len(access)
            elif kind == CONTROLLED:
                writer.position, writer.low = position, low
                writers[code >> 3](writer, op)
                position, low = writer.position, writer.low
            else:
                entry = floats.get(op)
                if entry is None:
                    entry = floats[op] = FLOATS[OPS[code >> 3].name](self._floats, op)
                segments, resume, info, head, length, returns, call, pack_stub = entry
                if len(segments) > 1:
                    cold += (pack_stub(info, low - returns, call, position + resume - low), head)
                    low -= length
                    for piece in segments[:-1]:
                        position += len(piece) + 4
                        hot += (piece, pack(low - position))
                hot.append(segments[-1])
                position += len(segments[-1])
        writer.position, writer.low = position, low
