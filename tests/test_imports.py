"""The import rules of docs/architecture.md, read off the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pytcg"

#: by part of the package: the other parts that it may import
RULES: dict[str, frozenset[str]] = {
    "tcg": frozenset(),
    "native": frozenset({"tcg"}),
    "frontend": frozenset({"tcg", "native"}),
    "backend": frozenset({"tcg", "native"}),
    "softmmu": frozenset(),
    "block": frozenset(),
    "devices": frozenset({"softmmu", "block"}),
    "debug": frozenset({"tcg"}),
    "exec": frozenset({"tcg", "native", "frontend", "backend", "softmmu", "debug"}),
    "machine": frozenset({"exec", "block", "devices", "softmmu", "frontend", "backend", "debug", "tcg", "native"}),
    "cli": frozenset({"machine", "debug"}),
}


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules of pytcg that a file imports, whether at run time or for types."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "pytcg")


def test_every_part_has_its_rule() -> None:
    parts = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert parts == set(RULES)


@pytest.mark.parametrize("part", sorted(RULES))
def test_a_part_imports_only_what_it_may(part: str) -> None:
    allowed = RULES[part] | {part}
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in sorted((PACKAGE / part).rglob("*.py"))
        for name in imports(path)
        if name.count(".") and name.split(".")[1] in RULES and name.split(".")[1] not in allowed
    ]
    assert wrong == []


def test_the_package_itself_is_light() -> None:
    assert list(imports(PACKAGE / "__init__.py")) == []
