"""Reads a device tree from a file, source or blob."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytcg.machine import fdt
from pytcg.machine.boot.contents import read_file
from pytcg.machine.tree import Node, Tree, TreeError

if TYPE_CHECKING:
    from devicetree import dtlib


def load_tree(path: Path, include_path: Sequence[Path] = ()) -> Tree:
    """The tree of a .dts or .dtb file, told apart by content.

    `include_path`: where a source's /include/ looks besides the source's folder. Raises MachineError where the
    file cannot be read, TreeError where it is no tree.
    """
    data = read_file(path, "device tree")
    if path.suffix == ".dtb" or data[:4] == fdt.MAGIC.to_bytes(4, "big"):
        return fdt.unpack(bytes(data))
    return _load_source(path, include_path)


def _load_source(path: Path, include_path: Sequence[Path]) -> Tree:
    # the import costs 20 ms, which only a start that reads source should pay
    from devicetree import dtlib

    try:
        source = dtlib.DT(str(path), [str(path.parent), *map(str, include_path)])
    except UnicodeDecodeError:
        raise TreeError("neither a device tree's source, which is UTF-8 text, nor a blob") from None
    except (dtlib.DTError, RecursionError) as error:
        raise TreeError(" ".join(str(error).split())) from None
    return Tree(_convert(source.root, ""), [(address, size) for _, address, size in source.memreserves])


def _convert(source: dtlib.Node, name: str, depth: int = 1) -> Node:
    if depth > fdt.MAX_DEPTH:
        raise TreeError(f"nodes are nested more than {fdt.MAX_DEPTH} deep")
    node = Node(name, {key: bytes(prop.value) for key, prop in source.props.items()})
    for key, child in source.nodes.items():
        node.add(_convert(child, key, depth + 1))
    return node
