"""What a device tree says about the hardware: where nodes lie and how their interrupts are wired.

Source: Devicetree Specification 0.4, sections 2.3 (reg, ranges) and 2.4 (interrupts).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pytcg.machine.tree import Node, Tree, TreeError


class Interrupt(NamedTuple):
    """One interrupt of a device: the controller's node, and the specifier that it is given."""

    controller: Node
    specifier: tuple[int, ...]


def _number(cells: tuple[int, ...]) -> int:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value


def _rows(node: Node, name: str, *widths: int) -> Iterator[tuple[int, ...]]:
    """A property as rows of numbers of so many cells each."""
    cells = node.cells(name)
    width = sum(widths)
    if not width or len(cells) % width:
        raise TreeError(f"{node.path}: {name} has {len(cells)} cells, which is no multiple of {width}")
    for at in range(0, len(cells), width):
        row = []
        for count in widths:
            row.append(_number(cells[at : at + count]))
            at += count
        yield tuple(row)


def _address_cells(node: Node) -> int:
    return node.u32("#address-cells", 2)


def _size_cells(node: Node) -> int:
    return node.u32("#size-cells", 1)


def windows(node: Node) -> list[tuple[int, int]]:
    """The (address, size) pairs of a node's reg, as the CPU sees them. Raises TreeError where a bus maps none."""
    if node.parent is None or "reg" not in node.properties:
        return []
    bus = node.parent
    rows = _rows(node, "reg", _address_cells(bus), _size_cells(bus))
    return [(_translate(node, bus, address, size), size) for address, size in rows]


def set_windows(node: Node, *pairs: tuple[int, int]) -> None:
    """Make a node's reg these (address, size) pairs, by the cells of its bus."""
    assert node.parent is not None
    widths = (_address_cells(node.parent), _size_cells(node.parent))
    node.properties["reg"] = b"".join(
        number.to_bytes(4 * width, "big") for pair in pairs for number, width in zip(pair, widths, strict=True)
    )


def _translate(node: Node, bus: Node, address: int, size: int) -> int:
    while bus.parent is not None:
        if "ranges" not in bus.properties:
            raise TreeError(f"{node.path}: {bus.path} has no ranges, so its addresses are not those of the CPU")
        if bus.properties["ranges"]:
            rows = _rows(bus, "ranges", _address_cells(bus), _address_cells(bus.parent), _size_cells(bus))
            for child, parent, length in rows:
                if child <= address and address + size <= child + length:
                    address += parent - child
                    break
            else:
                raise TreeError(f"{node.path}: {address:#x} is in no range of {bus.path}")
        bus = bus.parent
    return address


def _controller(node: Node, phandle: int, phandles: dict[int, Node]) -> Node:
    controller = phandles.get(phandle)
    if controller is None:
        raise TreeError(f"{node.path}: no interrupt controller has the phandle {phandle:#x}")
    return controller


def _interrupt_parent(node: Node, phandles: dict[int, Node]) -> Node:
    """The controller that a node's `interrupts` go to: the nearest one said, or that the node lies in."""
    at: Node | None = node
    while at is not None:
        if "interrupt-parent" in at.properties:
            return _controller(node, at.u32("interrupt-parent"), phandles)
        at = at.parent
        if at is not None and "interrupt-controller" in at.properties:
            return at
    raise TreeError(f"{node.path}: its interrupts go to no controller")


def interrupts(node: Node, phandles: dict[int, Node]) -> list[Interrupt]:
    """The interrupts of a node, in order; `interrupts-extended` wins over `interrupts`."""
    cells = node.cells("interrupts-extended")
    extended = bool(cells)
    if not extended:
        cells = node.cells("interrupts")
    found = []
    at = 0
    while at < len(cells):
        if extended:
            controller = _controller(node, cells[at], phandles)
            at += 1
        else:
            controller = _interrupt_parent(node, phandles)
        width = controller.u32("#interrupt-cells", 0)
        specifier = cells[at : at + width]
        if not width or len(specifier) != width:
            raise TreeError(f"{node.path}: an interrupt of {controller.path} takes {width} cells")
        found.append(Interrupt(controller, specifier))
        at += width
    return found


def enabled(node: Node) -> bool:
    """Whether a node's status does not say that it is off."""
    return node.strings("status")[:1] in ((), ("okay",), ("ok",))


def cpu_nodes(tree: Tree) -> list[Node]:
    """The nodes of the CPUs, in order. Raises TreeError where there are none."""
    cpus = tree.find("/cpus")
    found = [node for node in cpus.children.values() if node.strings("device_type") == ("cpu",)] if cpus else []
    if not found:
        raise TreeError("the device tree has no CPU (/cpus/cpu@0)")
    return found


def boot_cpu(nodes: Sequence[Node]) -> int:
    """The number of the first CPU that is there for a kernel. Raises TreeError where none is."""
    for node in nodes:
        if enabled(node):
            return node.u32("reg", 0)
    raise TreeError("all CPUs of the device tree are disabled")


def memory_node(tree: Tree) -> Node:
    """The node of main memory. Raises TreeError where there is none."""
    for node in tree.root.children.values():
        if node.strings("device_type") == ("memory",):
            return node
    raise TreeError('the device tree has no memory (device_type "memory")')


def device_nodes(tree: Tree) -> list[Node]:
    """The nodes that want a device model: enabled, outside of /cpus, with `compatible` and `reg`, in order."""
    cpus = tree.find("/cpus")
    inside = set(cpus.walk()) if cpus else set()
    return [
        node
        for node in tree.root.walk()
        if node not in inside and "compatible" in node.properties and "reg" in node.properties and enabled(node)
    ]
