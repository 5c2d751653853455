"""`python -m tests.mutation [TEXT ...]`: apply each mutation, or those whose file or text has TEXT, alone in a copy of
the tree, and run the quick tests that must find it. Prints what became of each; status 1 where one was not found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
    """The first test that fails; empty if none does."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", *tests]
    command += ["--hypothesis-profile=mutation", "--no-header", "--tb=no"]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no end in {SECONDS} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return lines[0] if lines else f"status {done.returncode}"


def result(tree: Path, mutation: Mutation) -> tuple[bool, str]:
    """Whether a mutation was found, and by what."""
    path = tree / mutation.file
    text = path.read_text()
    if text.count(mutation.old) != 1:
        return False, f"its text is there {text.count(mutation.old)} times"
    changed = text.replace(mutation.old, mutation.new)
    compile(changed, mutation.file, "exec")
    path.write_text(changed)
    try:
        failed = run(tree, mutation.tests)
    finally:
        path.write_text(text)
    return bool(failed), failed or "SURVIVED"


def main(wanted: list[str]) -> int:
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
