"""Device trees, as source and as blobs: the readers, and machines that are built of what they read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.machine import fdt
from pytcg.machine.boards import boards, read_tree
from pytcg.machine.errors import MachineError
from pytcg.machine.machine import Machine
from pytcg.machine.options import Options
from pytcg.machine.tree import Tree, pack_cells
from tests.fuzz.values import costly, damaged, numbers, refused_in_one_line
from tests.machine.fakes import Factory

BOARDS = boards("riscv64")
TOKEN = re.compile(r'"[^"]*"|/\*.*?\*/|[\w#,.@-]+|\s+|.', re.DOTALL)
#: what is put into a source in place of a token
ODD_TOKENS = (
    *("", "{", "}", "};", "<", ">", ";", "=", "&", "&x", "/", "(", "[", "]", '"', "/*", "//", ",", "@", "\0", "\\"),
    *("0xffffffffffffffff", "0x10000000000000000", "(1 / 0)", "(1 << 100)", "'ab'", "/delete-node/ cpus;", "é"),
    *('/include/ "/nowhere"', '/incbin/("/nowhere")', "/bits/ 7", "/memreserve/ 1 2;", "/plugin/;", "/omit-if-no-ref/"),
)


@cache
def board(name: str) -> bytes:
    """The blob of a board that comes along."""
    return fdt.pack(read_tree(BOARDS[name]))


def build(path: Path) -> None:
    """A machine of the board in a file, which is refused in one line or can be started."""
    with refused_in_one_line():
        machine = Machine(Options(board=str(path), bios=str(__file__), serials=()), Factory())
        try:
            machine.restart()
            for device in machine.devices:
                device.restore(device.save())
        finally:
            machine.chardevs.close()
            machine.plugboard.close()
            machine.loop.close()


@costly
@given(st.sampled_from(sorted(BOARDS)), st.data())
def test_damaged_blobs(tmp_path: Path, name: str, data: st.DataObject) -> None:
    path = tmp_path / "board.dtb"
    path.write_bytes(data.draw(damaged(board(name))))
    build(path)


@costly
@given(st.sampled_from(sorted(BOARDS)), st.data())
def test_damaged_sources(tmp_path: Path, name: str, data: st.DataObject) -> None:
    tokens = TOKEN.findall(BOARDS[name].read_text())
    odd = st.one_of(st.sampled_from(ODD_TOKENS), st.sampled_from(tokens), numbers(64).map(hex))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(tokens) - 1))
        tokens[at : at + data.draw(st.integers(0, 3))] = [data.draw(odd)]
    path = tmp_path / "board.dts"
    path.write_text("".join(tokens))
    build(path)


def change(draw: st.DrawFn, tree: Tree) -> None:
    """Change a property, or take away, copy or rename a node."""
    nodes = list(tree.root.walk())
    node = draw(st.sampled_from(nodes))
    other = draw(st.sampled_from(nodes))
    cells = st.lists(numbers(32), max_size=6).map(lambda values: pack_cells(*values))
    kind = draw(st.integers(0, 9))
    if kind == 0 and node.parent:
        node.remove()
    elif kind == 1 and node.parent and "copy" not in node.parent.children:
        node.parent.add(node.copy("copy"))
    elif kind == 2 and other.properties:
        name = draw(st.sampled_from(sorted(other.properties)))
        node.properties[name] = other.properties[name]
    elif node.properties:
        name = draw(st.sampled_from(sorted(node.properties)))
        value = node.properties[name]
        changed = [*value]
        if value and kind < 7:
            at = draw(st.integers(0, len(value) - 1)) & -4
            changed[at : at + 4] = draw(numbers(32)).to_bytes(4, "big")
            node.properties[name] = bytes(changed)
        else:
            node.properties[name] = draw(st.one_of(cells, st.binary(max_size=9)))


@costly
@given(st.sampled_from(sorted(BOARDS)), st.data())
def test_boards_that_make_no_sense(tmp_path: Path, name: str, data: st.DataObject) -> None:
    tree = fdt.unpack(board(name))
    for _ in range(data.draw(st.integers(1, 4))):
        change(data.draw, tree)
    path = tmp_path / "board.dtb"
    path.write_bytes(fdt.pack(tree))
    build(path)


@pytest.mark.parametrize("depth", [fdt.MAX_DEPTH, 1000, 100_000])
def test_deep_trees(tmp_path: Path, depth: int) -> None:
    source = tmp_path / "deep.dts"
    source.write_text("/dts-v1/; / {" + "a {" * depth + "};" * depth + "};")
    names = (b"\0\0\0\1" + name.ljust(4, b"\0") for name in (b"", *(b"a" for _ in range(depth))))
    structure = b"".join(names) + b"\0\0\0\2" * (depth + 1) + b"\0\0\0\x09"
    at = fdt.HEADER.size + 16
    blob = tmp_path / "deep.dtb"
    header = fdt.HEADER.pack(
        fdt.MAGIC, at + len(structure), at, at + len(structure), fdt.HEADER.size, 17, 16, 0, 0, len(structure)
    )
    blob.write_bytes(header + bytes(16) + structure)
    for path in (source, blob):
        with pytest.raises(MachineError) as caught:
            read_tree(path)
        assert "\n" not in str(caught.value)
