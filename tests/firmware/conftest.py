"""Fixtures: the firmware's plain C as a library of the host, and the places of things."""

import ctypes
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
SOURCES = ["common/fdt.c", "common/print.c", "common/string.c", "sbi/reserve.c", "demo/bench.c"]


@pytest.fixture(scope="session")
def zig() -> list[str]:
    """The compiler; where it is not installed, the test is not run."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("not run: the ziglang wheel (firmware/toolchain.txt) is not installed")
    return [sys.executable, "-m", "ziglang"]


@pytest.fixture(scope="session")
def images() -> Path:
    """The committed images."""
    return FIRMWARE / "images" / "riscv64"


@pytest.fixture(scope="session")
def host(zig: list[str], tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The sources that need no RISC-V, with host.c."""
    library = tmp_path_factory.mktemp("host") / "host.so"
    sources = [str(FIRMWARE / name) for name in SOURCES] + [str(Path(__file__).with_name("host.c"))]
    flags = ["-O2", "-g0", "-shared", "-fPIC", "-nostdlib", "-ffreestanding", "-fno-builtin", "-Wl,-Bsymbolic"]
    subprocess.run([*zig, "cc", *flags, *sources, "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.name_at.restype = ctypes.c_char_p
    return loaded
