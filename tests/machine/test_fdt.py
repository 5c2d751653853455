"""The blob's packer and reader: against dtc, by round trip, and on damaged input."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.machine import fdt
from pytcg.machine.dts import load_tree
from pytcg.machine.resources import resource
from pytcg.machine.tree import Node, Tree, TreeError

BOARD = resource("machines", "riscv64", "virt.dts")
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789,._+-@", min_size=1, max_size=12)
PROPERTIES = st.dictionaries(NAMES, st.binary(max_size=20), max_size=4)
U64 = st.integers(1, (1 << 64) - 1)

needs_dtc = pytest.mark.skipif(not shutil.which("dtc"), reason="not run: dtc (device-tree-compiler) is not installed")


def dtc(*arguments: str, data: bytes) -> bytes:
    return subprocess.run(["dtc", "-q", *arguments], input=data, capture_output=True, check=True).stdout


def same(one: Node, other: Node) -> bool:
    return (
        (one.name, list(one.properties.items())) == (other.name, list(other.properties.items()))
        and list(one.children) == list(other.children)
        and all(same(a, b) for a, b in zip(one.children.values(), other.children.values(), strict=True))
    )


@st.composite
def nodes(draw: st.DrawFn, name: str = "", depth: int = 3) -> Node:
    node = Node(name, draw(PROPERTIES))
    for child in draw(st.lists(NAMES, unique=True, max_size=3 if depth else 0)):
        node.add(draw(nodes(child, depth - 1)))
    return node


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    return Tree(draw(nodes()), draw(st.lists(st.tuples(U64, U64), max_size=2)), draw(st.integers(0, 9)))


@given(trees())
def test_what_is_packed_is_read_back(tree: Tree) -> None:
    again = fdt.unpack(fdt.pack(tree))
    assert same(again.root, tree.root)
    assert (again.reserved, again.boot_cpu) == (tree.reserved, tree.boot_cpu)


@needs_dtc
def test_the_board_packs_to_the_bytes_that_dtc_makes_of_it() -> None:
    assert fdt.pack(load_tree(BOARD)) == dtc("-I", "dts", "-O", "dtb", data=BOARD.read_bytes())


@needs_dtc
def test_dtc_reads_what_was_packed() -> None:
    tree = load_tree(BOARD)
    tree.reserved.append((0x80000000, 0x200000))
    blob = fdt.pack(tree)
    assert dtc("-I", "dtb", "-O", "dtb", data=blob) == blob


@pytest.mark.parametrize("version", [16, 17])
@needs_dtc
def test_versions_that_dtc_writes_are_read(version: int) -> None:
    blob = dtc("-I", "dts", "-O", "dtb", "-V", str(version), data=BOARD.read_bytes())
    assert same(fdt.unpack(blob).root, load_tree(BOARD).root)


def test_padding_after_the_tree_and_nops_are_skipped() -> None:
    blob = bytearray(fdt.pack(Tree(Node("", {"a": b"1234"}))))
    at = blob.index(b"1234")
    blob[at - 12 : at + 4] = fdt.NOP.to_bytes(4, "big") * 4
    assert fdt.unpack(bytes(blob) + bytes(100)).root.properties == {}


@given(st.data())
def test_a_damaged_blob_is_refused_or_read_but_never_crashes(data: st.DataObject) -> None:
    blob = bytearray(fdt.pack(load_cached()))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, 63), st.integers(0, len(blob) - 1)))
        blob[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(blob)), st.integers(0, len(blob))))
    try:
        fdt.unpack(bytes(blob[:cut]))
    except TreeError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("size", [0, 3, 39, 40, 100])
def test_a_blob_cut_short_is_refused(size: int) -> None:
    with pytest.raises(TreeError):
        fdt.unpack(fdt.pack(load_cached())[:size])


def test_nesting_is_limited() -> None:
    tree = Tree()
    node = tree.root
    for _ in range(fdt.MAX_DEPTH):
        node = node.add(Node("x"))
    with pytest.raises(TreeError, match="misplaced node"):
        fdt.unpack(fdt.pack(tree))


def test_source_with_a_mistake_is_refused_in_one_line(tmp_path: Path) -> None:
    source = tmp_path / "bad.dts"
    source.write_text("/dts-v1/;\n/ { a = <&nowhere>; };\n")
    with pytest.raises(TreeError, match="nowhere") as caught:
        load_tree(source)
    assert "\n" not in str(caught.value)


_cache: list[Tree] = []


def load_cached() -> Tree:
    if not _cache:
        _cache.append(load_tree(BOARD))
    return _cache[0]
