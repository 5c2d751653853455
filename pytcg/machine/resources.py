"""Where the boards and the built firmware are: in the checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
CHECKOUT = PACKAGE.parent


def resource(*parts: str) -> Path:
    """The path of a file or folder such as ("machines", "riscv64", "virt.dts"); it need not be there."""
    root = CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else PACKAGE / "data"
    return root.joinpath(*parts)


def architectures() -> list[str]:
    """The architectures that there are boards for."""
    return sorted(path.name for path in resource("machines").iterdir() if path.is_dir())
