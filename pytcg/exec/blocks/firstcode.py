"""Pages that got their first code while another vCPU may have been about to store there.

A vCPU checks its TLB slot, then stores. One that the host preempts between the two stores unnoticed if another places
code in that page meanwhile, though its slot is emptied then. So such a page is *young*, and a code fence, after which
the guest must not run what was there before, compares the blocks of young pages with memory. A page stops being young
once each other vCPU has been seen where it was about to do nothing: at a poll, asleep, or in no machine code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytcg.native.atomic import set_bits
from pytcg.tcg.state import IRQ_POLL, Env


class FirstCode:
    """The young pages of a machine. Methods are called under the code cache's lock.

    `drop_changed(physical)` drops the blocks in the page at a physical address whose guest bytes memory no longer has.
    """

    def __init__(self, envs: Sequence[Env], drop_changed: Callable[[int], object]) -> None:
        self.envs = envs
        self.drop_changed = drop_changed
        self.young: set[int] = set()

    def note(self, *pages: int) -> None:
        """Pages, by physical address, get their first code; no vCPU has an entry for stores there any more."""
        if len(self.envs) == 1:
            return
        self.young.update(pages)
        for env in self.envs:
            env.unsure = 1
            if not env.cpu.is_current_thread():
                # It is not woken for that.
                set_bits(env.address + env.layout.offset["irq"], IRQ_POLL)

    def confirm(self) -> None:
        """Drop what a store has changed unnoticed; if there can be no such store any more, no page is young."""
        if not self.young:
            return
        settled = all(map(_was_seen, self.envs))
        for page in self.young:
            self.drop_changed(page)
        if settled:
            self.forget()

    def forget(self) -> None:
        """No page is young."""
        self.young.clear()
        for env in self.envs:
            env.unsure = 0


def _was_seen(env: Env) -> bool:
    """Whether a vCPU has been about to do nothing since it was last asked to show that."""
    return not env.irq & IRQ_POLL or env.halted or not env.cpu.running or env.cpu.is_current_thread()
