"""`python -m tests.mutation [TEXT ...]`: apply each mutation, or those whose file or text has TEXT, alone in a copy of
the tree, and run the quick tests that must find it. Prints what became of each; status 1 where one was not found."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest

from tests.mutation.mutations import Mutation, mutations

ROOT = Path(__file__).resolve().parents[2]
#: what the tests need of the tree
PARTS = (
    "pytcg",
    "tests",
    "machines",
    "firmware",
    "guests",
    "docs",
    "scripts",
    "benchmarks",
    "pyproject.toml",
    "README.md",
)
#: a mutation that makes a test hang is found
SECONDS = 300
#: what all runs import, once
PRELOADED = ("hypothesis.strategies", "hypothesis.stateful", "z3", "unicorn", "iced_x86", "capstone", "elftools")
MOMENTS = count(int(time.time()))


def copy_tree(target: Path) -> None:
    """Copy what is needed; large directories by a link."""
    for name in PARTS:
        source = ROOT / name
        if source.is_symlink() or name == "guests":
            if source.exists():
                (target / name).symlink_to(source.resolve())
        elif source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)


def run(tree: Path, tests: tuple[str, ...]) -> str:
    """The first test that fails; empty if none does.

    In a fork: to start pytest takes longer than most of these tests.
    """
    log = tree / "log"
    child = os.fork()
    if not child:
        with log.open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "pytcg")]:
            del sys.modules[name]
        sys.path[:] = [str(tree), *(path for path in sys.path if Path(path).resolve() != ROOT)]
        os.environ["PYTHONPATH"] = str(tree)
        os.chdir(tree)
        options = ("-x", "-q", "-m", "not slow", "--hypothesis-profile=mutation", "--no-header", "--tb=no")
        status = pytest.main([*options, "-p", "no:xdist", "-p", "no:cov", *tests])
        sys.stdout.flush()
        os._exit(status)
    end = time.monotonic() + SECONDS
    while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
        time.sleep(0.02)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"no end in {SECONDS} s"
    if done[1] == 0:
        return ""
    lines = [line for line in log.read_text().splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0] if lines else f"status {done[1]}"


def put(path: Path, text: str) -> None:
    """Write a source, with a time that it never had: bytecode of another text is told by that, in seconds."""
    path.write_text(text)
    moment = next(MOMENTS)
    os.utime(path, (moment, moment))


def result(tree: Path, mutation: Mutation) -> tuple[bool, str]:
    """Whether a mutation was found, and by what."""
    path = tree / mutation.file
    text = path.read_text()
    if text.count(mutation.old) != 1:
        return False, f"its text is there {text.count(mutation.old)} times"
    changed = text.replace(mutation.old, mutation.new)
    if path.suffix == ".py":
        compile(changed, mutation.file, "exec")
    put(path, changed)
    try:
        failed = run(tree, mutation.tests)
    finally:
        put(path, text)
    return bool(failed), failed or "SURVIVED"


def main(wanted: list[str]) -> int:
    for name in PRELOADED:
        import_module(name)
    missed = 0
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        copy_tree(tree)
        passed: set[tuple[str, ...]] = set()
        for mutation in mutations():
            if wanted and not any(text in " ".join(mutation[1:]) for text in wanted):
                continue
            if mutation.tests not in passed and (failed := run(tree, mutation.tests)):
                print(f"without a mutation: {failed}")
                return 1
            passed.add(mutation.tests)
            start = time.monotonic()
            found, what = result(tree, mutation)
            missed += not found
            took = time.monotonic() - start
            print(f"{'found' if found else 'MISSED'} {took:4.0f} s  {mutation.file}: {mutation.old.strip()}")
            print(f"        {what}", flush=True)
    print(f"{missed} missed" if missed else "all found")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
