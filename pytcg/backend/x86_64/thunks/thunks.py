"""The runtime's routines in machine code: entry and exit, the TLB, finding blocks, polls and helpers.

All are reached from blocks by `call` or `jmp` through env.thunks (`docs/architecture.md`, "Blocks and host code").
Blocks keep nothing on the stack, so a routine that does not go back resets rsp from env.host_sp. What `info`, in eax,
holds is told there.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytcg.backend.x86_64.emit.control import Thunk
from pytcg.backend.x86_64.emit.memory import KINDS, memory_thunk
from pytcg.backend.x86_64.thunks.blocks import chain, dead, helper, lookup, poll
from pytcg.backend.x86_64.thunks.entry import alarm, call, entry, leave_machine_code, read_counter, ring
from pytcg.backend.x86_64.thunks.memory import memory, miss
from pytcg.backend.x86_64.thunks.routines import Routines
from pytcg.tcg.state import NUM_MMU_MODES, Layout
from pytcg.tcg.types import MO_MODE_SHIFT


class Thunks:
    """The routines for a layout and a mapping of globals (operand → host register)."""

    def __init__(self, layout: Layout, registers: Mapping[int, int]) -> None:
        a = Routines(layout, registers)
        entry(a, "enter")
        entry(a, "resume")
        for routine in (leave_machine_code, chain, lookup, poll, dead, helper, miss):
            routine(a)
        named: dict[int, str] = {int(thunk): thunk.name.lower() for thunk in Thunk}
        for kind in KINDS:
            for mode in range(NUM_MMU_MODES):
                for size in range(4):
                    number = kind | mode << MO_MODE_SHIFT | size
                    named[memory_thunk(number)] = memory(a, number)
        for routine in (call, read_counter, ring, alarm):
            routine(a)
        self.code = a.finish()
        self.labels = a.labels
        #: position in the code of each index of env.thunks
        self.positions = {index: a.labels[name] for index, name in named.items()}
