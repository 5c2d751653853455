"""What the page tables of satp map, for a debugger (Privileged ISA manual, 12.3-12.6)."""

from __future__ import annotations

from collections.abc import Iterator

from pytcg.frontend.guest import Mapping
from pytcg.frontend.riscv.bits import PAGE_SHIFT, PTE_PPN, PTE_R, PTE_V, PTE_W, PTE_X, SATP_MODE_SHIFT, SATP_PPN
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.tcg.types import MASK64

#: the low bits of an entry from 1 on, as letters
LETTERS = "rwxugad"
LEAF = PTE_R | PTE_W | PTE_X
ENTRIES = 512


def mappings(env: RiscvEnv) -> list[Mapping]:
    """The mappings in order of address; none in Bare mode. Tables outside of main RAM are passed over."""
    scheme = env.satp >> SATP_MODE_SHIFT
    if not scheme:
        return []
    found: list[Mapping] = []
    top = PAGE_SHIFT + 9 * (scheme - 6)
    for leaf in _leaves(env, (env.satp & SATP_PPN) << PAGE_SHIFT, top, 0):
        last = found[-1] if found else None
        if (
            last
            and (last.virtual + last.size, last.physical + last.size) == leaf[:2]
            and last.attributes == leaf.attributes
        ):
            found[-1] = last._replace(size=last.size + leaf.size)
        else:
            found.append(leaf)
    sign = 1 << top + 8
    return [run._replace(virtual=run.virtual - 2 * sign & MASK64) if run.virtual & sign else run for run in found]


def _leaves(env: RiscvEnv, table: int, shift: int, virtual: int) -> Iterator[Mapping]:
    """The leaves below a table whose entries map 1 << shift bytes each."""
    if not env.ram_start <= table < env.ram_end:
        return
    for index in range(ENTRIES):
        entry = env.cpu.memory.read(table + 8 * index, 8)
        if not entry & PTE_V:
            continue
        address = virtual | index << shift
        physical = (entry & PTE_PPN) >> 10 << PAGE_SHIFT
        if entry & LEAF:
            letters = "".join(letter if entry >> bit & 1 else "-" for bit, letter in enumerate(LETTERS, 1))
            yield Mapping(address, physical, 1 << shift, letters)
        elif shift > PAGE_SHIFT:
            yield from _leaves(env, physical, shift - 9, address)
