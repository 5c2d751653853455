"""The flattened device tree (.dtb): packer and reader (Devicetree Specification 0.4, chapter 5)."""

from __future__ import annotations

import struct

from pytcg.machine.tree import Node, Tree, TreeError

MAGIC = 0xD00DFEED
VERSION, LAST_COMPATIBLE = 17, 16
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
HEADER = struct.Struct(">10I")
RESERVED = struct.Struct(">QQ")
MAX_DEPTH = 64


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def pack(tree: Tree) -> bytes:
    """The tree as a blob of version 17, laid out as dtc does: header, reservations, structure, strings."""
    structure: list[bytes] = []
    strings = bytearray()

    def name_offset(name: str) -> int:
        entry = name.encode() + b"\0"
        offset = strings.find(entry)
        if offset < 0:
            offset = len(strings)
            strings.extend(entry)
        return offset

    def emit(node: Node) -> None:
        structure.append(struct.pack(">I", BEGIN_NODE) + _padded(node.name.encode() + b"\0"))
        for name, value in node.properties.items():
            structure.append(struct.pack(">III", PROP, len(value), name_offset(name)) + _padded(value))
        for child in node.children.values():
            emit(child)
        structure.append(struct.pack(">I", END_NODE))

    emit(tree.root)
    structure.append(struct.pack(">I", END))
    body = b"".join(structure)
    reservations = b"".join(RESERVED.pack(*area) for area in [*tree.reserved, (0, 0)])
    structure_at = HEADER.size + len(reservations)
    strings_at = structure_at + len(body)
    header = HEADER.pack(
        MAGIC,
        strings_at + len(strings),
        structure_at,
        strings_at,
        HEADER.size,
        VERSION,
        LAST_COMPATIBLE,
        tree.boot_cpu,
        len(strings),
        len(body),
    )
    return header + reservations + body + bytes(strings)


class _Reader:
    """Reads the structure block of a blob; every step is checked against the block's end."""

    def __init__(self, structure: bytes, strings: bytes) -> None:
        self.structure = structure
        self.strings = strings
        self.at = 0

    def cell(self) -> int:
        if self.at + 4 > len(self.structure):
            raise TreeError("the device tree blob ends within its structure")
        value = int.from_bytes(self.structure[self.at : self.at + 4], "big")
        self.at += 4
        return value

    def take(self, length: int) -> bytes:
        data = self.structure[self.at : self.at + length]
        if len(data) != length:
            raise TreeError("the device tree blob ends within a property")
        self.at += length + (-length % 4)
        return data

    def name(self, block: bytes, start: int) -> str:
        end = block.find(b"\0", start)
        if start > len(block) or end < 0 or not block[start:end].isascii():
            raise TreeError("the device tree blob has a name that is not a string")
        return block[start:end].decode("ascii")

    def root(self) -> Node:
        """The whole tree, by a stack of the open nodes."""
        root: Node | None = None
        stack: list[Node] = []
        while True:
            token = self.cell()
            if token == BEGIN_NODE:
                name = self.name(self.structure, self.at)
                self.take(len(name) + 1)
                is_root = root is None
                if len(stack) >= MAX_DEPTH or is_root != (not stack) or is_root != (not name) or "/" in name:
                    raise TreeError(f"the device tree blob has a misplaced node {name!r}")
                node = Node(name)
                root = root or node
                if not is_root:
                    stack[-1].add(node)
                stack.append(node)
            elif token == PROP:
                length, name_at = self.cell(), self.cell()
                name = self.name(self.strings, name_at)
                value = self.take(length)
                if not stack or not name or name in stack[-1].properties:
                    raise TreeError(f"the device tree blob has a misplaced property {name!r}")
                stack[-1].properties[name] = value
            elif token == END_NODE and stack:
                stack.pop()
            elif token == END and root is not None and not stack:
                return root
            elif token != NOP:
                raise TreeError(f"the device tree blob has a misplaced token {token:#x}")


def _block(blob: bytes, start: int, size: int, name: str) -> bytes:
    if start + size > len(blob):
        raise TreeError(f"the device tree blob has its {name} outside of itself")
    return blob[start : start + size]


def _reservations(blob: bytes, at: int) -> list[tuple[int, int]]:
    areas: list[tuple[int, int]] = []
    while True:
        address, size = RESERVED.unpack(_block(blob, at, RESERVED.size, "memory reservations"))
        if not size and not address:
            return areas
        areas.append((address, size))
        at += RESERVED.size


def unpack(data: bytes) -> Tree:
    """The tree of a blob of version 16 or later. Raises TreeError for anything that is not one whole tree."""
    if len(data) < HEADER.size or int.from_bytes(data[:4], "big") != MAGIC:
        raise TreeError("this is not a device tree blob")
    _, total, structure_at, strings_at, reserved_at, version, oldest, cpu, strings_size, size = HEADER.unpack_from(data)
    if oldest > VERSION or version < LAST_COMPATIBLE:
        raise TreeError(f"the device tree blob is of version {version}, not {LAST_COMPATIBLE} or {VERSION}")
    if total > len(data):
        raise TreeError(f"the device tree blob is cut short: {len(data)} of {total} bytes")
    blob = data[:total]
    # version 16 does not say how large the structure is: it ends with its END token
    structure = _block(blob, structure_at, size if version >= VERSION else max(total - structure_at, 0), "structure")
    reader = _Reader(structure, _block(blob, strings_at, strings_size, "strings"))
    return Tree(reader.root(), _reservations(blob, reserved_at), cpu)
