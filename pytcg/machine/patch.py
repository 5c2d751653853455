"""What the command line changes in a board's device tree: CPUs, memory, and what /chosen tells the kernel."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pytcg.machine.description import cpu_nodes, device_nodes, memory_node, set_windows, windows
from pytcg.machine.errors import MachineError
from pytcg.machine.tree import Node, Tree

MAX_CPUS = 64
SEED_BYTES = 32
HTIF = "ucb,htif0"
WORD = 8


def set_memory(tree: Tree, size: int) -> None:
    """Make main memory `size` bytes large, at its address."""
    node = memory_node(tree)
    set_windows(node, (windows(node)[0][0], size))


def set_cpus(tree: Tree, count: int) -> None:
    """Make `count` CPUs of the one that the board has, and wire each as that one is wired.

    Raises MachineError for a number that the board cannot have.
    """
    nodes = cpu_nodes(tree)
    if len(nodes) == count:
        return
    if len(nodes) > 1:
        raise MachineError(f"the board has {len(nodes)} CPUs of its own, so -smp {count} is not possible")
    if not 1 <= count <= MAX_CPUS:
        raise MachineError(f"-smp {count}: the board can have 1 to {MAX_CPUS} CPUs")
    first = nodes[0]
    assert first.parent is not None
    copies = [first]
    for number in range(1, count):
        node = first.parent.add(first.copy(f"{first.name.partition('@')[0]}@{number:x}"))
        node.set_cells("reg", number)
        for part in node.walk():
            part.properties.pop("phandle", None)
        copies.append(node)
    for part in first.walk():
        if "phandle" in part.properties:
            below = part.path.removeprefix(first.path)
            twins = [tree.find(copy.path + below) for copy in copies]
            _repeat_wiring(tree, part, [tree.phandle(twin) for twin in twins if twin])


def _repeat_wiring(tree: Tree, controller: Node, phandles: list[int]) -> None:
    """Where all of a node's extended interrupts go to one CPU's controller, let it have the same ones at every CPU."""
    own = controller.u32("phandle")
    width = 1 + controller.u32("#interrupt-cells", 0)
    for node in tree.root.walk():
        cells = node.cells("interrupts-extended")
        if cells and len(cells) % width == 0 and set(cells[::width]) == {own}:
            rows = [cells[at + 1 : at + width] for at in range(0, len(cells), width)]
            node.set_cells("interrupts-extended", *(c for p in phandles for row in rows for c in (p, *row)))


def set_htif(tree: Tree, symbols: Mapping[str, int]) -> None:
    """Let the host-target interface be where an executable has its words, if it has both."""
    if not {"fromhost", "tohost"} <= symbols.keys():
        return
    for node in device_nodes(tree):
        if HTIF in node.strings("compatible"):
            set_windows(node, *((symbols[name], WORD) for name in ("fromhost", "tohost")))


def set_chosen(tree: Tree, append: str, initrd: tuple[int, int] | None) -> None:
    """Tell the kernel its command line, where its initial RAM disk is (start, end), and a random seed."""
    chosen = tree.root.child("chosen")
    if append:
        chosen.set_strings("bootargs", append)
    if initrd:
        chosen.set_u64("linux,initrd-start", initrd[0])
        chosen.set_u64("linux,initrd-end", initrd[1])
    chosen.properties["rng-seed"] = os.urandom(SEED_BYTES)
