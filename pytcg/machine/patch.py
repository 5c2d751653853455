"""What the command line changes in a board's device tree: CPUs, memory, and what /chosen tells the kernel."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from pytcg.machine.description import Interrupt, cpu_nodes, device_nodes, interrupts, memory_node, set_windows, windows
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.options import EVERY_BOARD
from pytcg.machine.tree import Node, Tree

MAX_CPUS = 64
SEED_BYTES = 32
HTIF = "ucb,htif0"
OPTION = "pytcg,option"
WORD = 8


def set_memory(tree: Tree, size: int) -> None:
    """Make main memory `size` bytes large, at its address."""
    node = memory_node(tree)
    set_windows(node, (windows(node)[0][0], size))


def choose(tree: Tree, chosen: Mapping[str, str]) -> None:
    """Keep those nodes whose `pytcg,option`, "NAME=VALUE", is what was chosen; the value met first is the default.

    Raises MachineError for an option or a value that the board has not.
    """
    nodes = [node for node in tree.root.walk() if OPTION in node.properties]
    choices: dict[str, list[str]] = {}
    for node in nodes:
        name, _, value = next(iter(node.strings(OPTION)), "").partition("=")
        choices.setdefault(name, []).append(value)
    for name, value in chosen.items():
        if name not in choices:
            raise MachineError(f"the board has no option {name!r}{suggestion(name, (*choices, *EVERY_BOARD))}")
        if value not in choices[name]:
            raise MachineError(f"{name}={value}: the board has {name}={'|'.join(dict.fromkeys(choices[name]))}")
    for node in nodes:
        name, _, value = node.strings(OPTION)[0].partition("=")
        del node.properties[OPTION]
        if value != chosen.get(name, choices[name][0]):
            node.remove()


def set_cpus(tree: Tree, count: int) -> None:
    """Make the board one of `count` CPUs: further ones are copies of its last one, wired as that one is.

    Raises MachineError for a number that the board cannot have.
    """
    nodes = cpu_nodes(tree)
    if not 1 <= count <= MAX_CPUS:
        raise MachineError(f"-smp {count}: the board can have 1 to {MAX_CPUS} CPUs")
    if count == len(nodes):
        return
    # without it, each CPU is a core of its own, which holds for any number
    if topology := tree.find("/cpus/cpu-map"):
        topology.remove()
    if count < len(nodes):
        _remove_cpus(tree, nodes[count:])
    else:
        _add_cpus(tree, nodes[-1], count - len(nodes))


def _add_cpus(tree: Tree, last: Node, count: int) -> None:
    assert last.parent is not None
    twins: dict[Node, list[Node]] = {part: [] for part in last.walk()}
    number = last.u32("reg")
    for _ in range(count):
        number += 1
        node = last.parent.add(last.copy(f"{last.name.partition('@')[0]}@{number:x}"))
        node.set_cells("reg", number)
        for part, twin in zip(twins, node.walk(), strict=True):
            twin.properties.pop("phandle", None)
            twins[part].append(twin)

    def repeated(rows: list[Interrupt]) -> list[Interrupt]:
        own = [row for row in rows if row.controller in twins]
        return rows + [Interrupt(twins[row.controller][at], row.specifier) for at in range(count) for row in own]

    _rewire(tree, repeated)


def _remove_cpus(tree: Tree, nodes: Sequence[Node]) -> None:
    gone = {part for node in nodes for part in node.walk()}
    _rewire(tree, lambda rows: [row for row in rows if row.controller not in gone])
    for node in nodes:
        node.remove()


def _rewire(tree: Tree, change: Callable[[list[Interrupt]], list[Interrupt]]) -> None:
    """Change where the extended interrupts of all nodes go to."""
    phandles = tree.phandles()
    for node in list(tree.root.walk()):
        if "interrupts-extended" in node.properties:
            rows = change(interrupts(node, phandles))
            cells = [(tree.phandle(row.controller), *row.specifier) for row in rows]
            node.set_cells("interrupts-extended", *(cell for row in cells for cell in row))


def set_htif(tree: Tree, symbols: Mapping[str, int]) -> None:
    """Let the host-target interface be where an executable has its words, if it has both."""
    if not {"fromhost", "tohost"} <= symbols.keys():
        return
    for node in device_nodes(tree):
        if HTIF in node.strings("compatible"):
            set_windows(node, *((symbols[name], WORD) for name in ("fromhost", "tohost")))


def set_chosen(tree: Tree, append: str, initrd: tuple[int, int] | None, seed: bytes = b"") -> None:
    """Tell the kernel its command line, where its initial RAM disk is (start, end), and a seed, random if empty."""
    chosen = tree.root.child("chosen")
    if append:
        chosen.set_strings("bootargs", append)
    if initrd:
        chosen.set_u64("linux,initrd-start", initrd[0])
        chosen.set_u64("linux,initrd-end", initrd[1])
    chosen.properties["rng-seed"] = seed or os.urandom(SEED_BYTES)
