"""Finds a board's device tree: by name among those that come along, or in a file of the user's."""

from __future__ import annotations

from pathlib import Path

from pytcg.machine.dts import load_tree
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.resources import architectures, resource
from pytcg.machine.tree import Tree, TreeError


def boards(arch: str) -> dict[str, Path]:
    """The boards of an architecture, by name."""
    return {path.stem: path for path in sorted(resource("machines", arch).glob("*.dts"))}


def list_boards(arch: str) -> str:
    """The text of `-M help`."""
    lines = ["Boards (or a .dts or .dtb file of your own):"]
    for name in [arch] if arch else architectures():
        lines += [f"{board:<12}{name}" for board in boards(name)]
    return "\n".join(lines)


def board_file(board: str, arch: str) -> Path:
    """The file of a board. Raises MachineError for an unknown name."""
    if board.endswith((".dts", ".dtb")):
        return Path(board)
    found = boards(arch).get(board)
    if found is None:
        raise MachineError(f"no {arch} board {board}{suggestion(board, boards(arch))}: -M help lists them")
    return found


def read_tree(path: Path) -> Tree:
    """The tree of a file. Raises MachineError naming the file and what is wrong with it."""
    try:
        return load_tree(path, [resource("machines", arch) for arch in architectures()])
    except TreeError as error:
        raise MachineError(f"{path}: {error}") from None
