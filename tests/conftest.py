"""Settings of all tests, and fixtures: the firmware's plain C as a library of the host, and the places of things."""

import ctypes
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

TESTS = Path(__file__).resolve().parent
FIRMWARE = TESTS.parent / "firmware"
SOURCES = ["common/fdt.c", "common/print.c", "common/string.c", "sbi/reserve.c", "demo/bench.c"]
#: what demo/bench.h gives a loop to work in
BENCH_MEMORY = (2 << 20) + 64

# No deadlines: how long an example takes says more about the machine's load than about the code.
settings.register_profile("full", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("soak", deadline=None, max_examples=1000)
# That a test fails is enough: nothing is shrunk.
settings.register_profile("mutation", deadline=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("full")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


class Bench(ctypes.Structure):
    """struct bench of demo/bench.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("help", ctypes.c_char_p),
        ("run", ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)),
    )


@pytest.fixture(autouse=True, scope="session")
def cache_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Translations of the tests are kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTCG_CACHE_DIR", str(tmp_path_factory.mktemp("translations")))
        yield


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
    sources = [str(FIRMWARE / name) for name in SOURCES] + [str(TESTS / "firmware" / "host.c")]
    flags = ["-O2", "-g0", "-shared", "-fPIC", "-nostdlib", "-ffreestanding", "-fno-builtin", "-Wl,-Bsymbolic"]
    subprocess.run([*zig, "cc", *flags, *sources, "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.name_at.restype = ctypes.c_char_p
    return loaded


@pytest.fixture(scope="session")
def bench_checksums(host: ctypes.CDLL) -> dict[str, str]:
    """What the demo kernel's `bench` prints for each loop, computed by host code."""
    memory = ctypes.create_string_buffer(BENCH_MEMORY)
    aligned = ctypes.addressof(memory) + 63 & -64
    checksums = {}
    for bench in (Bench * 16).in_dll(host, "benches"):
        if not bench.name:
            break
        checksums[bench.name.decode()] = f"{bench.run(aligned):016x}"
    return checksums
