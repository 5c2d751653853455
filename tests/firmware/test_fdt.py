"""The firmware's device tree code, on the host, against an independent writer and reader."""

import ctypes
import string

from hypothesis import given
from hypothesis import strategies as st

from .dtb import Node, cells, flatten, parse

NAMES = st.text(string.ascii_lowercase + "-,", min_size=1, max_size=12)
PROPERTIES = st.dictionaries(NAMES, st.binary(max_size=20), max_size=4)
NODES = st.recursive(
    st.builds(Node, PROPERTIES),
    lambda children: st.builds(Node, PROPERTIES, st.dictionaries(NAMES, children, max_size=4)),
    max_leaves=12,
)


def output(host: ctypes.CDLL) -> str:
    """What was printed since the last time."""
    length = ctypes.c_size_t.in_dll(host, "output_length")
    text = bytes((ctypes.c_char * (1 << 16)).in_dll(host, "output"))[: length.value]
    length.value = 0
    return text.decode("latin-1")


def dump(host: ctypes.CDLL, blob: bytes) -> str:
    """The nodes as the C code walks them."""
    host.dump(ctypes.create_string_buffer(blob, len(blob)))
    return output(host)


def reserve(host: ctypes.CDLL, blob: bytes) -> bytes:
    """The tree with the firmware's memory reserved; asserts that no more than 512 bytes behind it were written."""
    room = 512
    buffer = ctypes.create_string_buffer(blob + bytes(room) + b"\xa5" * 64, len(blob) + room + 64)
    host.board_reserve(buffer, ctypes.c_uint64(0x80000000), ctypes.c_uint64(0x80000))
    assert buffer.raw.endswith(b"\xa5" * 64)
    return buffer.raw[:-64]


def expected(node: Node, name: str = "", depth: int = 0) -> list[str]:
    """What `dump` prints for a tree without `reg`."""
    lines = [f"{depth} '{name}' 1"]
    for key, child in node.children.items():
        lines += expected(child, key, depth + 1)
    return lines


@given(NODES, st.booleans())
def test_walks_all_nodes_in_order(host: ctypes.CDLL, tree: Node, strings_first: bool) -> None:
    assert dump(host, flatten(tree, strings_first=strings_first)).splitlines() == expected(tree)


@given(NODES, st.booleans())
def test_reserving_changes_nothing_else(host: ctypes.CDLL, tree: Node, strings_first: bool) -> None:
    tree.properties |= {"#address-cells": cells(2), "#size-cells": cells(2)}
    result = parse(reserve(host, flatten(tree, strings_first=strings_first)))
    reserved = result.children.pop("reserved-memory")
    assert result == tree
    assert reserved.properties == {"#address-cells": cells(2), "#size-cells": cells(2), "ranges": b""}
    assert reserved.children == {
        "mmode_resv@80000000": Node({"reg": cells(0, 0x80000000, 0, 0x80000), "no-map": b""}),
    }


def test_reserving_beside_other_reservations(host: ctypes.CDLL) -> None:
    other = Node({"reg": cells(0x90000000, 0x1000)})
    sizes = {"#address-cells": cells(1), "#size-cells": cells(1)}
    reserved = Node({**sizes, "ranges": b""}, {"other@90000000": other})
    tree = Node(dict(sizes), {"reserved-memory": reserved, "x": Node()})
    result = parse(reserve(host, flatten(tree)))
    children = result.children["reserved-memory"].children
    assert children.pop("mmode_resv@80000000") == Node({"reg": cells(0x80000000, 0x80000), "no-map": b""})
    assert result == tree


def test_reg_in_the_cells_of_the_parent(host: ctypes.CDLL) -> None:
    device = Node({"reg": cells(1, 0x10000000, 0x100, 2, 0x20000000, 0x200), "status": b"disabled\0"})
    bus = Node({"#address-cells": cells(2), "#size-cells": cells(1)}, {"uart@1": device})
    cpus = Node({"#address-cells": cells(1), "#size-cells": cells(0)}, {"cpu@3": Node({"reg": cells(3)})})
    blob = flatten(Node({}, {"soc": bus, "cpus": cpus}))
    assert dump(host, blob).splitlines() == [
        "0 '' 1",
        "1 'soc' 1",
        "2 'uart@1' 0 110000000+100 220000000+200",
        "1 'cpus' 1",
        "2 'cpu@3' 1 3+0",
    ]


def test_finds_paths(host: ctypes.CDLL) -> None:
    inner = Node({}, {"uart@10": Node(), "uart": Node()})
    root = Node({}, {"so": Node({}, {"uart@9": Node()}), "soc": inner, "uart@8": Node()})
    blob = ctypes.create_string_buffer(flatten(root))
    assert host.name_at(blob, b"/soc/uart") == b"uart@10"
    assert host.name_at(blob, b"/soc/uart@10") == b"uart@10"
    assert host.name_at(blob, b"/uart") == b"uart@8"
    assert host.name_at(blob, b"/") == b""
    assert host.name_at(blob, b"/so/uart@10") is None
    assert host.name_at(blob, b"/soc/uart/x") is None


@given(st.data())
def test_damaged_trees_end_the_walk(host: ctypes.CDLL, data: st.DataObject) -> None:
    """Any word of the structure block replaced: the walk ends and stays near the block."""
    tree = Node({"a": b"abcd"}, {"n@1": Node({"reg": cells(0, 1, 2)}, {"m": Node({"b": b""})})})
    blob = bytearray(flatten(tree))
    at = 56 + 4 * data.draw(st.integers(0, 24))
    blob[at : at + 4] = data.draw(st.sampled_from([cells(n) for n in (0, 1, 2, 3, 4, 9, 0x7FFFFFFF, 0xFFFFFFFF)]))
    assert dump(host, bytes(blob) + bytes(64)).startswith("0 '") or at == 56


def test_print_formats(host: ctypes.CDLL) -> None:
    wide = ctypes.c_uint64
    host.print(b"%d %u %x|%5d|%-5u|%08x|%s|%-4s|%c|%%", -7, 7, 0xAB, -42, 42, 0xBEEF, b"text", b"ab", ord("z"))
    assert output(host) == "-7 7 ab|  -42|42   |0000beef|text|ab  |z|%"
    host.print(b"%ld %lu %016lx %lx", wide(2**64 - 1), wide(2**64 - 1), wide(2**63), wide(0))
    assert output(host) == "-1 18446744073709551615 8000000000000000 0"
    host.print(b"%ld", wide(2**63))
    assert output(host) == "-9223372036854775808"
