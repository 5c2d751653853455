"""The device tree as a mutable tree of nodes (Devicetree Specification 0.4, chapter 2)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytcg.machine.errors import MachineError


class TreeError(MachineError):
    """A device tree that says something impossible; the message is one line."""


def pack_cells(*cells: int) -> bytes:
    """Numbers as big-endian 32-bit cells."""
    return struct.pack(f">{len(cells)}I", *cells)


@dataclass(eq=False)
class Node:
    """A node: its name with the unit address, its properties as bytes, and its children by name, all in order."""

    name: str
    properties: dict[str, bytes] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)
    parent: Node | None = None

    @property
    def path(self) -> str:
        """The full path from the root."""
        if self.parent is None:
            return "/"
        return f"{self.parent.path.rstrip('/')}/{self.name}"

    def add(self, node: Node) -> Node:
        """Make `node` the last child and return it. Raises TreeError where the name is taken."""
        if node.name in self.children:
            raise TreeError(f"{self.path}: two children are called {node.name!r}")
        self.children[node.name] = node
        node.parent = self
        return node

    def child(self, name: str) -> Node:
        """The child of that name, made if it is not there."""
        return self.children.get(name) or self.add(Node(name))

    def remove(self) -> None:
        """Take the node out of its parent."""
        assert self.parent is not None
        del self.parent.children[self.name]
        self.parent = None

    def copy(self, name: str) -> Node:
        """A deep copy without a parent, under another name."""
        result = Node(name, dict(self.properties))
        for node in self.children.values():
            result.add(node.copy(node.name))
        return result

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first."""
        yield self
        for node in self.children.values():
            yield from node.walk()

    def cells(self, name: str) -> tuple[int, ...]:
        """A property as 32-bit cells; empty if it is not there. Raises TreeError for other lengths."""
        value = self.properties.get(name, b"")
        if len(value) % 4:
            raise TreeError(f"{self.path}: {name} is {len(value)} bytes long, which is no number of 32-bit cells")
        return struct.unpack(f">{len(value) // 4}I", value)

    def u32(self, name: str, default: int | None = None) -> int:
        """A property of one cell. Raises TreeError where it has another length, or is absent without a default."""
        cells = self.cells(name)
        if not cells and name not in self.properties and default is not None:
            return default
        if len(cells) != 1:
            raise TreeError(f"{self.path}: {name} must be one 32-bit cell")
        return cells[0]

    def strings(self, name: str) -> tuple[str, ...]:
        """A property as a list of strings; empty if it is not there. Raises TreeError where it is no such list."""
        value = self.properties.get(name, b"")
        if not value:
            return ()
        if value[-1] or not value.isascii():
            raise TreeError(f"{self.path}: {name} is not a list of strings")
        return tuple(value[:-1].decode("ascii").split("\0"))

    def set_cells(self, name: str, *cells: int) -> None:
        """Set a property to 32-bit cells."""
        self.properties[name] = pack_cells(*cells)

    def set_u64(self, name: str, *values: int) -> None:
        """Set a property to numbers of two cells each."""
        self.properties[name] = struct.pack(f">{len(values)}Q", *values)

    def set_strings(self, name: str, *strings: str) -> None:
        """Set a property to a list of strings."""
        self.properties[name] = b"".join(os.fsencode(string) + b"\0" for string in strings)


@dataclass
class Tree:
    """A whole device tree: the root, the reserved memory areas (address, size), and the boot CPU's number."""

    root: Node = field(default_factory=lambda: Node(""))
    reserved: list[tuple[int, int]] = field(default_factory=list)
    boot_cpu: int = 0

    def find(self, path: str) -> Node | None:
        """The node at a full path, or None."""
        node: Node | None = self.root
        for name in path.strip("/").split("/"):
            if name and node:
                node = node.children.get(name)
        return node

    def phandles(self) -> dict[int, Node]:
        """Nodes by phandle. Raises TreeError where two share one."""
        found: dict[int, Node] = {}
        for node in self.root.walk():
            if "phandle" in node.properties:
                other = found.setdefault(node.u32("phandle"), node)
                if other is not node:
                    raise TreeError(f"{node.path}: its phandle is that of {other.path}")
        return found

    def phandle(self, node: Node) -> int:
        """The phandle of a node, given to it now if it has none."""
        if "phandle" not in node.properties:
            node.set_cells("phandle", max(self.phandles(), default=0) + 1)
        return node.u32("phandle")
