"""Physical memory protection (Privileged ISA manual, section 3.7): 16 entries, granularity 4 bytes."""

from __future__ import annotations

from itertools import pairwise

from pytcg.frontend.riscv.bits import (
    MODE_M,
    MODE_S,
    PAGE,
    PHYSICAL_BITS,
    PMP_A_SHIFT,
    PMP_ENTRIES,
    PMP_L,
    PMP_NA4,
    PMP_NAPOT,
    PMP_R,
    PMP_RWX,
    PMP_TOR,
    PMP_W,
)
from pytcg.frontend.riscv.flush import flush_everything
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.status import update_flags
from pytcg.native import native
from pytcg.tcg.state import EMPTY

#: answer of `pmp_check`: the first entry that matches does not match all bytes
PMP_PARTIAL = 8
PMP_ADDRESS = (1 << PHYSICAL_BITS - 2) - 1
_CONFIG = PMP_L | 3 << PMP_A_SHIFT | PMP_RWX


@native
def pmp_check(env: RiscvEnv, start: int, size: int, mode: int) -> int:
    """What an MMU mode may do with `size` bytes at a physical address: PMP_R, PMP_W, PMP_X; or PMP_PARTIAL."""
    last = start + size - 1
    if mode == MODE_M:
        if env.pmp_locked == 0:
            return PMP_RWX
    elif start >= env.pmp_open_start and last <= env.pmp_open_last:
        return PMP_RWX
    entry = 0
    while entry < env.pmp_count:
        if last >= env.pmp_start[entry] and start <= env.pmp_last[entry]:
            if start < env.pmp_start[entry] or last > env.pmp_last[entry]:
                return PMP_PARTIAL
            config = env.pmp_perm[entry]
            if mode == MODE_M and config & PMP_L == 0:
                return PMP_RWX
            return int(config & PMP_RWX)
        entry += 1
    return PMP_RWX if mode == MODE_M else 0


def config_byte(env: RiscvEnv, entry: int) -> int:
    """The pmpcfg byte of an entry."""
    return int(env.pmpcfg[entry >> 3]) >> 8 * (entry & 7) & 0xFF


def write_config(env: RiscvEnv, index: int, value: int) -> None:
    """Write the `index`-th word of pmpcfg bytes. Locked entries stay; W without R is reserved and becomes neither."""
    result = 0
    for entry in range(8 * index, 8 * index + 8):
        shift = 8 * (entry & 7)
        config = config_byte(env, entry)
        if not config & PMP_L:
            config = value >> shift & _CONFIG
            if not config & PMP_R:
                config &= ~PMP_W
        result |= config << shift
    env.pmpcfg[index] = result
    update(env)


def write_address(env: RiscvEnv, entry: int, value: int) -> None:
    """Write pmpaddr of an entry, unless it is locked or the start of a locked range."""
    following = config_byte(env, entry + 1) if entry + 1 < PMP_ENTRIES else 0
    holds_start = following & PMP_L and following >> PMP_A_SHIFT & 3 == PMP_TOR
    if not config_byte(env, entry) & PMP_L and not holds_start:
        env.pmpaddr[entry] = value & PMP_ADDRESS
        update(env)


def _range(env: RiscvEnv, entry: int) -> range:
    """The physical addresses that an entry matches."""
    address = env.pmpaddr[entry]
    match config_byte(env, entry) >> PMP_A_SHIFT & 3:
        case kind if kind == PMP_TOR:
            return range(env.pmpaddr[entry - 1] << 2 if entry else 0, address << 2)
        case kind if kind == PMP_NA4:
            return range(address << 2, (address << 2) + 4)
        case kind if kind == PMP_NAPOT:
            size = 8 * ((address ^ address + 1) + 1 >> 1)
            start = (address << 2) & -size
            return range(start, start + size)
    return range(0)


def update(env: RiscvEnv) -> None:
    """Take note of a change of the entries, and drop what was cached under the old ones."""
    work_out(env)
    flush_everything(env)
    update_flags(env)


def work_out(env: RiscvEnv) -> None:
    """Work out the ranges of the entries."""
    env.pmp_count = env.pmp_locked = env.pmp_fine = 0
    env.pmp_open_start, env.pmp_open_last = EMPTY, 0
    edges = {0, 1 << PHYSICAL_BITS}
    for entry in range(PMP_ENTRIES):
        addresses, config = _range(env, entry), config_byte(env, entry)
        env.pmp_start[entry], env.pmp_last[entry] = EMPTY, 0
        env.pmp_perm[entry] = config
        if addresses:
            env.pmp_start[entry], env.pmp_last[entry] = addresses.start, addresses.stop - 1
            env.pmp_count = entry + 1
            env.pmp_locked |= config >> 7
            env.pmp_fine |= splits_page(env, addresses.start) or splits_page(env, addresses.stop)
            edges |= {addresses.start, min(addresses.stop, 1 << PHYSICAL_BITS)}
    _open_range(env, sorted(edges))


def splits_page(env: RiscvEnv, edge: int) -> bool:
    """Whether a range that starts or stops at `edge` parts a page in which something lies on both sides.

    A kernel that allows all by a top-of-range entry of all ones has an edge 4 bytes below the end, where nothing is.
    """
    find = env.cpu.memory.find
    return edge & PAGE - 1 != 0 and find(edge - 1) is not None and find(edge) is not None


def _open_range(env: RiscvEnv, edges: list[int]) -> None:
    """Find the range without restrictions for S and U that covers most of main RAM."""
    ranges: list[range] = []
    for start, end in pairwise(edges):
        if pmp_check(env, start, 1, MODE_S) == PMP_RWX:
            if ranges and ranges[-1].stop == start:
                start = ranges.pop().start
            ranges.append(range(start, end))

    def covered(addresses: range) -> int:
        return min(addresses.stop, int(env.ram_end)) - max(addresses.start, int(env.ram_start))

    if ranges:
        best = max(ranges, key=covered)
        env.pmp_open_start, env.pmp_open_last = best.start, best.stop - 1
