"""The native routine that puts a block together from host code of its instructions, where all of it is known.

It does what `Translator.translate` does, to the byte; what it cannot do it leaves: a block with an instruction whose
host code depends on others, one that is worth optimising, one that goes on to the end of its page.
"""

from __future__ import annotations

from collections.abc import Callable

from pytcg.exec.blocks.measure import GUEST_COPY, make_measure
from pytcg.exec.blocks.placing import PAGE, PAGE_SHIFT, count, lock, padded, remember, unlock
from pytcg.exec.blocks.table import (
    CONTENTS_LIMIT,
    FORMS,
    STITCHED,
    STITCHED_BLOCKS,
    STITCHED_BYTES,
    STITCHED_END,
    STITCHED_INSNS,
    TEMPLATES,
)
from pytcg.exec.blocks.templates import CODE_ENTRY, CODE_LENGTH, GUEST, GUEST_INSNS, GUEST_LENGTH, KEY, PREFIX
from pytcg.exec.blocks.writing import write
from pytcg.frontend.units import MOST_INSNS, Units
from pytcg.native import native
from pytcg.native.intrinsics import ld64, st64
from pytcg.tcg.state import ONE_INSN, Env

#: bytes of templates that a block needs at most
ROOM = 1 << 15


def make_stitch(units: Units) -> Callable[[Env, int, int, int], int]:
    """The routine for a guest's units."""
    measure = make_measure(units)

    @native
    def stitch(env: Env, address: int, flags: int, offset: int) -> int:
        """The template of the block at host address `address`, `offset` bytes into its page, or 0.

        What is unknown of it is noted in env.unknown.
        """
        control = env.code_control
        env.unknown[0] = 0
        if ld64(control + FORMS) == 0 or flags & ONE_INSN:
            return 0
        lock(env)
        template = ld64(control + STITCHED)
        size = 0
        if template + ROOM <= ld64(control + STITCHED_END) and ld64(control + TEMPLATES) < ld64(
            control + CONTENTS_LIMIT
        ):
            # Another vCPU may write there meanwhile: what is decoded and what is kept must be the same.
            at = 0
            while at < MOST_INSNS * 4 + 8 and offset + at + 8 <= PAGE:
                st64(template + GUEST_COPY + at, ld64(address + at))
                at += 8
            size = measure(env, template, flags, offset)
        if size:
            code = template + GUEST + padded(size)
            total = env.ret + env.arg[1]
            write(env, template, code + env.ret)
            st64(template + CODE_LENGTH, total)
            st64(template + CODE_ENTRY, env.ret)
            st64(template + GUEST_LENGTH, size)
            st64(template + GUEST_INSNS, env.arg[2])
            st64(template + KEY, flags << PAGE_SHIFT | offset)
            st64(template + PREFIX, ld64(template + GUEST_COPY))
            at = 0
            while at < size:
                st64(template + GUEST + at, ld64(template + GUEST_COPY + at))
                at += 8
            remember(env, template)
            count(env, STITCHED, code + padded(total) - template)
            count(env, STITCHED_BLOCKS, 1)
            count(env, STITCHED_INSNS, env.arg[2])
            count(env, STITCHED_BYTES, total)
        unlock(env)
        return template if size else 0

    return stitch
