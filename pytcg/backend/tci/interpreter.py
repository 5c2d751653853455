"""The interpreter of TCG ops (`-accel tcg,backend=tci`): runs blocks anywhere Python runs.

It shares nothing with a machine-code backend but the op table, and so serves as the reference for them. Each block is
turned into one Python function, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns

from pytcg.backend.tci.memory import GuestMemory, cmpxchg_host, load_host, store_host
from pytcg.backend.tci.source import BlockSource
from pytcg.native.intrinsics import kernel_call
from pytcg.tcg.ops import Op
from pytcg.tcg.state import Env, Layout

#: run a block that lies at a pc; the result is a Status, or what a native routine returns
CompiledBlock = Callable[[Env, int], int]


class TciBackend:
    """Runs flat ops, before or after register allocation, over an Env.

    `memory` does the guest memory accesses. `helpers` are called by number, with env, and return an Action. `clock`
    is the host's counter that `env.clock_start` was taken from.

    A block ends with LOOKUP (go on at env.pc) or INTERRUPT (so too, but env.irq was seen or a helper answered EXIT).
    """

    #: the host registers that allocation may use when allocated ops are run: any will do
    temp_pool: tuple[int, ...] = tuple(range(64, 80))

    def __init__(
        self,
        layout: Layout,
        memory: GuestMemory,
        helpers: Sequence[Callable[[Env], int]],
        clock: Callable[[], int] = perf_counter_ns,
    ) -> None:
        self.layout = layout
        self.names: dict[str, object] = {
            "memory": memory,
            "helpers": helpers,
            "clock": clock,
            "load_host": load_host,
            "store_host": store_host,
            "cmpxchg_host": cmpxchg_host,
            "kernel_call": kernel_call,
        }
        self.blocks: dict[tuple[Op, ...], CompiledBlock] = {}

    def compile(self, ops: Sequence[Op]) -> CompiledBlock:
        """The function of a block. It depends on the ops alone, so blocks with equal ops share one."""
        key = tuple(ops)
        block = self.blocks.get(key)
        if block is None:
            source = BlockSource(self.layout, self.names).write(ops)
            scope: dict[str, CompiledBlock] = {}
            exec(compile(source, "<block>", "exec"), self.names, scope)
            block = self.blocks[key] = scope["block"]
        return block

    def run_block(self, env: Env, ops: Sequence[Op], pc: int) -> int:
        """Run a block that lies at guest pc `pc`, and return its Status."""
        return self.compile(ops)(env, pc)
