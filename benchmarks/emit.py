"""Cost of emitting host code: µs of Python an op, its bytes remembered or not, and host bytes an op.

python benchmarks/emit.py
"""

from __future__ import annotations

import time

from pytcg.backend.x86_64.backend import X86Backend
from pytcg.tcg.ops import Op, code
from pytcg.tcg.state import CONST, Layout
from pytcg.tcg.types import MO_8, MO_32, MO_64, MO_MODE_SHIFT, MO_SIGN, Cond, Type

HOT = (15, 2, 14, 10, 8, 13, 11, 1, 12, 9)
LD, ST, ADD, ADD32, SHL, MOV, MOVI, BRCOND = (
    code(name, type)
    for name, type in (
        ("guest_ld", Type.I64),
        ("guest_st", Type.I64),
        ("add", Type.I64),
        ("add", Type.I32),
        ("shl", Type.I64),
        ("mov", Type.I64),
        ("movi", Type.I64),
        ("brcond_tb", Type.I64),
    )
)
GOTO_TB, GOTO_PTR = code("goto_tb"), code("goto_ptr")
MODE = 1 << MO_MODE_SHIFT
REPEAT, ROUNDS = 500, 15

BLOCKS: dict[str, list[Op]] = {
    "integer": [
        (ADD, 15, 15, CONST, 1),
        (ADD32, 14, 14, 15, 0),
        (SHL, 10, 14, CONST, 3),
        (MOV, 20, 10),
        (ADD, 13, 20, 10, 0),
        (MOVI, 11, 0x12345),
    ],
    "prologue": [
        (ADD, 2, 2, CONST, -48),
        (ST, 1, 2, 40, MO_64 | MODE, 2),
        (ST, 8, 2, 32, MO_64 | MODE, 4),
        (ST, 9, 2, 24, MO_64 | MODE, 6),
        (ST, 18, 2, 16, MO_64 | MODE, 8),
        (ADD, 8, 2, CONST, 48),
        (MOV, 18, 10),
        (GOTO_TB, 0x40, 14),
    ],
    "loop": [
        (LD, 14, 15, 0, MO_8 | MODE, 0),
        (ADD, 15, 15, CONST, 1),
        (BRCOND, 14, 0, 0, Cond.NE, 0, 8),
        (GOTO_TB, 12, 8),
    ],
    "epilogue": [
        (LD, 1, 2, 40, MO_64 | MODE, 0),
        (LD, 8, 2, 32, MO_64 | MODE, 2),
        (LD, 10, 8, 4, MO_32 | MO_SIGN | MODE, 4),
        (ADD, 2, 2, CONST, 48),
        (GOTO_PTR, 1),
    ],
}


def microseconds(seconds: float, ops: int) -> float:
    return seconds * 1e6 / ops


def measure(backend: X86Backend, ops: list[Op]) -> float:
    """Processor time of one `emit` of a block whose ops are all remembered."""
    start = time.process_time()
    for _ in range(REPEAT):
        backend.emit(ops, 0x100, 1)
    return (time.process_time() - start) / REPEAT


def main() -> None:
    layout = Layout()
    print(f"{'block':10} {'ops':>4} {'hit µs/op':>10} {'miss µs/op':>11} {'bytes/op':>9} {'hot':>6}")
    for name, ops in BLOCKS.items():
        backend = X86Backend(layout, HOT)
        start = time.process_time()
        block = backend.emit(ops, 0x100, 1)
        miss = time.process_time() - start
        hit = min(measure(backend, ops) for _ in range(ROUNDS))
        count = len(ops)
        size, hot = len(block.blob), len(block.blob) - block.entry
        times = f"{microseconds(hit, count):10.2f} {microseconds(miss, count):11.1f}"
        print(f"{name:10} {count:4} {times} {size / count:9.1f} {hot / count:6.1f}")


if __name__ == "__main__":
    main()
