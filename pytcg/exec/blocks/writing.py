"""Native routines that write the host code of a block's units, which `exec/blocks/measure.py` has listed."""

from __future__ import annotations

from pytcg.backend.x86_64.emit.control import HEADER_LENGTH
from pytcg.backend.x86_64.encode import NOPS
from pytcg.backend.x86_64.parts import COLD_FIXUP, LOW
from pytcg.exec.blocks.forms import HEADER_CODE, INFO, PART_COUNT, PARTS, ROW, ROWS
from pytcg.exec.blocks.measure import LISTED, next_part, padding
from pytcg.exec.blocks.placing import HEADER, padded
from pytcg.exec.blocks.table import FORMS
from pytcg.native import native
from pytcg.native.intrinsics import ld32, ld64, st32, st64
from pytcg.tcg.state import Env

#: padding in front of an aligned branch, by its length in bytes
NOP1, NOP2, NOP3 = (int.from_bytes(nop, "little") for nop in NOPS[1:4])
MINUS_LOW = -LOW


@native
def write_part(env: Env, part: int, entry: int, position: int, low: int, listed: int) -> None:
    """Write a part of a listed unit and apply its fix-ups. `entry`: host address of the block's first hot byte."""
    source = part + 8
    target = entry + position
    end = target + (ld64(part) & 0xFFFF)
    while target < end:
        st64(target, ld64(source))
        source += 8
        target += 8
    target = entry + low
    end = target - (ld64(part) >> 16 & 0xFFFF)
    source += padded(target - end)
    fixup = source
    while target > end:
        source -= 8
        target -= 8
        st64(target, ld64(source))
    rows = ld64(ld64(env.code_control + FORMS) + ROWS)
    last = fixup + (ld64(part) >> 32 & 0xFFFF) * 8
    while fixup < last:
        field = ld64(fixup)
        row = rows + (field >> 32) * ROW
        field = (field & COLD_FIXUP - 1) + (end if field & COLD_FIXUP else entry + position)
        value = ld64(row) * position + ld64(row + 8) * (low + MINUS_LOW)
        value += ld64(row + 16) * ld64(listed + 8) + ld64(row + 24) * ld64(listed + 16)
        value += ld64(row + 32) * ld64(listed + 24)
        st32(field, ld32(field) + value)
        fixup += 8


@native
def write(env: Env, template: int, entry: int) -> None:
    """Write the host code of the units listed behind a template. `entry`: host address of the first hot byte."""
    st64(entry - HEADER_LENGTH, ld64(ld64(env.code_control + FORMS) + HEADER_CODE))
    st64(entry - HEADER, 0)
    position = 0
    low = 0 - HEADER_LENGTH
    listed = template + LISTED
    record = ld64(listed)
    while record:
        part = record + PARTS
        parts = ld64(record + INFO) & PART_COUNT
        while parts:
            head = ld64(part)
            if head >> 48:
                pad = padding(position, head >> 48)
                if pad:
                    st32(entry + position, NOP1 if pad == 1 else NOP2 if pad == 2 else NOP3)
                    position += pad
            write_part(env, part, entry, position, low, listed)
            position += head & 0xFFFF
            low -= head >> 16 & 0xFFFF
            part = next_part(part)
            parts -= 1
        listed += 32
        record = ld64(listed)
