"""Flattened device trees, written and read independently of the firmware's C (Devicetree Specification, chapter 5)."""

import struct
from dataclasses import dataclass, field

HEADER = struct.Struct(">10I")


@dataclass
class Node:
    """A node: property values by name, children by name with unit address."""

    properties: dict[str, bytes] = field(default_factory=dict)
    children: dict[str, "Node"] = field(default_factory=dict)


def cells(*values: int) -> bytes:
    """32-bit cells."""
    return struct.pack(f">{len(values)}I", *values)


def pad(data: bytes) -> bytes:
    """Up to a multiple of four bytes."""
    return data + bytes(-len(data) % 4)


def flatten(root: Node, *, strings_first: bool = False) -> bytes:
    """The tree as a version 17 blob without free room, its strings block before or behind its structure block."""
    strings = b""
    offsets: dict[str, int] = {}

    def tokens(name: str, node: Node) -> bytes:
        nonlocal strings
        out = cells(1) + pad(name.encode() + b"\0")
        for key, value in node.properties.items():
            if key not in offsets:
                offsets[key] = len(strings)
                strings += key.encode() + b"\0"
            out += cells(3, len(value), offsets[key]) + pad(value)
        return out + b"".join(tokens(key, child) for key, child in node.children.items()) + cells(2)

    structure = tokens("", root) + cells(9)
    reserve_at, first_at = HEADER.size, HEADER.size + 16
    if strings_first:
        structure_at, strings_at = first_at + len(strings) + -len(strings) % 8, first_at
        total = structure_at + len(structure)
    else:
        structure_at, strings_at = first_at, first_at + len(structure)
        total = strings_at + len(strings)
    sizes = (len(strings), len(structure))
    header = HEADER.pack(0xD00DFEED, total, structure_at, strings_at, reserve_at, 17, 16, 0, *sizes)
    blob = bytearray(total)
    blob[: len(header)] = header
    blob[structure_at : structure_at + len(structure)] = structure
    blob[strings_at : strings_at + len(strings)] = strings
    return bytes(blob)


def parse(blob: bytes) -> Node:
    """The tree of a blob; asserts that its blocks lie inside it, aligned."""
    magic, total, at, strings_at, reserve_at, _, _, _, strings_size, size = HEADER.unpack_from(blob)
    assert magic == 0xD00DFEED
    assert at % 4 == 0 and reserve_at % 8 == 0
    end = at + size
    assert end <= total <= len(blob) and strings_at + strings_size <= total
    holder = Node()
    stack = [holder]
    while at < end:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == 1:
            stop = blob.index(b"\0", at)
            child = stack[-1].children.setdefault(blob[at:stop].decode(), Node())
            stack.append(child)
            at += stop - at + 1 + -(stop - at + 1) % 4
        elif token == 2:
            stack.pop()
        elif token == 3:
            length, name_at = struct.unpack_from(">II", blob, at)
            name_at += strings_at
            name = blob[name_at : blob.index(b"\0", name_at)].decode()
            stack[-1].properties[name] = blob[at + 8 : at + 8 + length]
            at += 8 + length + -length % 4
        elif token == 9:
            break
        else:
            assert token == 4
    assert at == end and stack == [holder]
    return holder.children[""]
