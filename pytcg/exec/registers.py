"""Accesses of device registers in machine code: see `softmmu/shared.py`."""

from __future__ import annotations

from pytcg.backend.base import KIND_ACCESS_SHIFT, KIND_ATOMIC, KIND_PROBE
from pytcg.frontend.guest import HelperFunction
from pytcg.native import native
from pytcg.native.atomic import set_bits
from pytcg.native.intrinsics import cas64, kernel_call, ld64, st64
from pytcg.native.kernel import FUTEX, FUTEX_WAKE
from pytcg.native.kernel import WRITE as WRITE_CALL
from pytcg.native.time import guest_time
from pytcg.softmmu.shared import (
    ASLEEP,
    BITS,
    CELL,
    ENTRIES,
    ENTRY,
    KEY,
    LINE,
    LOCK,
    MADE,
    MASK,
    MIX,
    NEWS,
    ONE,
    READ,
    READ_TIME,
    READ_VALUE,
    REQUESTS,
    RING,
    SHIFT,
    SIZES,
    TAKEN,
    VALUE,
    WANTED,
    WIDTH,
    WIRE,
    WORD,
    WRITE,
    WRITE_DRIVES,
    WRITE_IGNORED,
    WRITE_POSTED,
)
from pytcg.tcg.helpers import Action
from pytcg.tcg.state import EMPTY, Env, Layout
from pytcg.tcg.types import MASK64, MO_ALIGN, MO_SIZE

PAGE_MASK = MASK64 - 4095
#: accesses that are not just a load or a store
SPECIAL = KIND_PROBE | KIND_ATOMIC | MO_ALIGN


@native
def find_cell(env: Env, key: int) -> int:
    """Host address of a cell; 0 if there is none."""
    at = (key * MIX >> SHIFT) * CELL
    found = ld64(env.register_cells + at + KEY)
    while found != key and found:
        at = at + CELL & MASK
        found = ld64(env.register_cells + at + KEY)
    return int(env.register_cells + at) if found else 0


@native
def post(env: Env, cell: int, value: int) -> int:
    """Put a write into the ring: 1; or 0, as it is full."""
    ring = env.register_ring
    while cas64(ring + LOCK, 0, 1):
        pass
    made = ld64(ring + MADE)
    room = made - ld64(ring + TAKEN) < RING
    if room:
        entry = ring + ENTRIES + (made & RING - 1) * ENTRY
        st64(entry, cell - env.register_cells)
        st64(entry + WORD, value)
        # atomic for the barrier before WANTED is read
        cas64(ring + MADE, made, made + 1)
    st64(ring + LOCK, 0)
    if room and ld64(ring + WANTED) and cas64(ring + WANTED, 1, 0):
        kernel_call(WRITE_CALL, env.register_bell, ring + ONE, WORD)
    return room


@native
def drive(env: Env, cell: int, value: int) -> None:
    """Set the line of a cell to bit 0 of a value, and have the vCPU look that it leads to."""
    wire = ld64(cell + WIRE)
    level = value & 1
    line = ld64(wire + LINE)
    if line:
        st64(cell + VALUE, level)
        st64(line, ld64(wire + BITS) if level else 0)
    if line or level:
        requests = ld64(wire + REQUESTS)
        set_bits(requests, ld64(wire + NEWS))
        if level and ld64(ld64(wire + ASLEEP)):
            kernel_call(FUTEX, requests, FUTEX_WAKE, 1)


def make_helper_register(layout: Layout) -> HelperFunction:
    """Helper.REGISTER for a layout of the CPU state."""
    buffer = layout.offset["buffer"]

    @native
    def helper_register(env: Env) -> int:
        """Helper.REGISTER: CONTINUE with the access of env.mem_* done, as env.buffer and env.addend tell; or SLOW.

        env.ret is its guest physical address, or EMPTY.
        """
        physical: int = env.ret
        kind: int = env.mem_kind
        size = 1 << (kind & MO_SIZE)
        if physical == EMPTY or kind & SPECIAL or physical & size - 1:
            return Action.SLOW
        cell = find_cell(env, physical * 2 + 1)
        if cell == 0:
            cell = find_cell(env, (physical & PAGE_MASK) * 2 + 2)
        if cell == 0 or ld64(cell + SIZES) & size == 0:
            return Action.SLOW
        if kind >> KIND_ACCESS_SHIFT & 1:
            how = ld64(cell + WRITE)
            if how == WRITE_POSTED and size >= ld64(cell + WIDTH):
                if post(env, cell, env.mem_value & MASK64 >> 64 - size * 8) == 0:
                    return Action.SLOW
            elif how == WRITE_DRIVES and size >= ld64(cell + WIDTH):
                drive(env, cell, env.mem_value)
            elif how != WRITE_IGNORED:
                return Action.SLOW
        else:
            how = ld64(cell + READ)
            if how == READ_VALUE:
                env.buffer[0] = ld64(cell + VALUE)
            elif how == READ_TIME:
                env.buffer[0] = guest_time(env)
            else:
                return Action.SLOW
        env.addend = env.self + buffer - env.mem_addr
        return Action.CONTINUE

    return helper_register
