"""The longer selection of others' programs: `python -m tests.soak.programs [--emulator qemu] [--seconds 3] [WORD...]`.

stress-ng verifies each stressor alone, on two harts, and Python runs more of its own tests, on machines of pytcg's or,
to judge a failure, of QEMU's. WORDs select stressors and modules.
"""

from __future__ import annotations

import argparse
import sys

from scripts.fetch_programs import PYTHON, STRESS_NG
from tests.system.others import EMULATORS, MISSING, answers

STRESSORS = (
    *("atomic", "bitops", "branch", "bsearch", "clock", "context", "cpu", "crypt", "eventfd", "fault", "fork", "fp"),
    *("funccall", "futex", "hash", "heapsort", "icache", "jmp", "longjmp", "lockbus", "malloc", "matrix", "membarrier"),
    *("memcpy", "memthrash", "mergesort", "mmap", "mprotect", "mq", "mremap", "mutex", "nop", "pipe", "poll", "prime"),
    *("pthread", "qsort", "radixsort", "regs", "sem", "shm", "sigfpe", "sigsegv", "sigsuspend", "sigtrap", "skiplist"),
    *("spinmem", "str", "switch", "tree", "trig", "vecfp", "vecmath", "vecwide", "vm", "waitcpu", "zlib"),
)
MODULES = (
    *("array", "binascii", "bisect", "bool", "bytes", "cmath", "complex", "dict", "exceptions", "fcntl", "float"),
    *("fractions", "generators", "hashlib", "heapq", "int", "json", "list", "long", "math", "mmap", "pow", "random"),
    *("re", "set", "signal", "sort", "struct", "tempfile", "thread", "threading", "time", "unicodedata", "zlib"),
)
BYTES = "--vm-bytes 16M --mmap-bytes 16M --mremap-bytes 16M --shm-bytes 8M --malloc-bytes 16M"
#: seconds that a machine may take
PATIENCE = 3 * 3600


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.programs")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--emulator", choices=EMULATORS, default="pytcg")
    parser.add_argument("--seconds", type=int, default=3, help="for each stressor")
    options = parser.parse_args()
    if MISSING:
        print(f"soak: no riscv64 package of {' '.join(MISSING)}: run `make guests`", file=sys.stderr)
        return 1

    def chosen(names: tuple[str, ...]) -> list[str]:
        return [name for name in names if not options.words or name in options.words]

    stress = f"stress-ng --verify --timeout {options.seconds} {BYTES}"
    runs = (
        (STRESS_NG, [f"{stress} --{name} 2" for name in chosen(STRESSORS)]),
        (PYTHON, [f"python3.13 -m test test_{name}" for name in chosen(MODULES)]),
    )
    failures = 0
    for packages, commands in runs:
        found = answers(packages, commands, emulator=options.emulator, patience=PATIENCE) if commands else []
        for command, (status, printed) in zip(commands, found, strict=False):
            print(f"{command}: {f'failed, status {status}{chr(10)}{printed}' if status else 'passed'}")
        failures += len(commands) - sum(status == 0 for status, _ in found)
    print(f"soak: {failures} failed" if failures else "soak: all passed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
