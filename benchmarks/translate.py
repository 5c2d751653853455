"""Cost of translation, by stage, over the blocks that a real guest had translated: µs of CPU time a guest instruction.

python benchmarks/translate.py --record FILE -M virt -kernel ...   run a machine, and record each block it translates
python benchmarks/translate.py FILE                                translate them again, once, in the same order
python benchmarks/translate.py --profile STAGE FILE                the same, with a profile of one stage

A run starts with nothing remembered. The digest of all host code shows whether a change of the translator changed what
it makes.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from struct import Struct
from time import process_time
from typing import Any, TypeVar

from pytcg.backend.base import HostBlock
from pytcg.backend.x86_64.backend import X86Backend
from pytcg.cli.main import main as system
from pytcg.exec.processors import GC_THRESHOLDS
from pytcg.exec.translate import TranslatedBlock, Translator
from pytcg.frontend.guest import Translation
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.tcg.ops import Op
from pytcg.tcg.passes.optimise import optimise, worth_it
from pytcg.tcg.regalloc import allocate

PAGE = 4096
#: blocks that go through a stage before the next stage: few enough to stay in the host's caches
BATCH = 200
#: what stands before the guest bytes of a block: page offset, translation flags, next_half and their count
HEADER = Struct("<HHiH")
STAGES = ("decode", "optimise", "allocate", "emit")
T = TypeVar("T")
Block = tuple[int, int, int, bytes]


def record(path: Path, arguments: list[str]) -> int:
    """Run a machine and write the blocks that it translates to a file: all, none is put together otherwise."""
    translate = Translator.translate

    def recorded(
        self: Translator[object], page: memoryview, offset: int, flags: int, next_half: int
    ) -> TranslatedBlock[object] | None:
        block = translate(self, page, offset, flags, next_half)
        if block is not None:
            guest = bytes(page[offset : offset + len(block.guest)])
            file.write(HEADER.pack(offset, flags, next_half, len(guest)) + guest)
        return block

    with path.open("wb") as file:
        setattr(Translator, translate.__name__, recorded)
        setattr(RiscvGuest, RiscvGuest.word_classes.__name__, lambda guest: {})
        return system(arguments)


def blocks(data: bytes) -> Iterator[Block]:
    """Page offset, translation flags, next_half and guest bytes of each recorded block."""
    position = 0
    while position < len(data):
        offset, flags, next_half, length = HEADER.unpack_from(data, position)
        position += HEADER.size
        yield offset, flags, next_half, data[position : position + length]
        position += length


class Replay:
    """One run over recorded blocks, a batch at a time."""

    def __init__(self) -> None:
        self.guest = RiscvGuest()
        self.backend = X86Backend(self.guest.layout, self.guest.hot_registers)
        self.page = memoryview(bytearray(PAGE))
        self.half = self.page.cast("H")

    def decode(self, block: Block) -> Translation:
        offset, flags, next_half, guest = block
        self.page[offset : offset + len(guest)] = guest
        return self.guest.translate(self.half, offset >> 1, flags, next_half)

    def optimise(self, translation: Translation) -> list[Op]:
        ops = translation.ops
        return optimise(ops) if worth_it(ops) else ops

    def allocate(self, ops: list[Op], temps: int) -> list[Op]:
        return allocate(ops, temps, self.backend.temp_pool) if temps else ops

    def emit(self, ops: list[Op], block: Block) -> HostBlock:
        return self.backend.emit(ops, block[0], block[1] & 3)


def replay(corpus: list[Block], profiled: str) -> None:
    """Translate all blocks and print what it cost."""
    run = Replay()
    spent = dict.fromkeys(STAGES, 0.0)
    profile = cProfile.Profile()
    digest = hashlib.sha256()
    insns = host_bytes = hot_bytes = 0

    def stage(name: str, function: Callable[..., T], *inputs: list[Any]) -> list[T]:
        if name == profiled:
            profile.enable()
        start = process_time()
        results = list(map(function, *inputs))
        spent[name] += process_time() - start
        profile.disable()
        return results

    batches = iter(corpus)
    while batch := list(islice(batches, BATCH)):
        translations = stage("decode", run.decode, batch)
        ops = stage("optimise", run.optimise, translations)
        ops = stage("allocate", run.allocate, ops, [translation.temps for translation in translations])
        for code in stage("emit", run.emit, ops, batch):
            digest.update(code.blob)
            host_bytes += len(code.blob)
            hot_bytes += len(code.blob) - code.entry
        insns += sum(translation.insns for translation in translations)
    for name, seconds in spent.items():
        print(f"{name:10}{seconds * 1e6 / insns:8.3f} µs an instruction")
    print(f"{'all':10}{sum(spent.values()) * 1e6 / insns:8.3f}")
    print(f"{len(corpus)} blocks, {insns} instructions, {host_bytes / insns:.2f} bytes an instruction", end="")
    print(f" ({hot_bytes / insns:.2f} hot), digest {digest.hexdigest()[:16]}")
    if profiled:
        profile.print_stats("tottime")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="run a machine with the arguments after FILE")
    parser.add_argument("--profile", choices=STAGES, default="", metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of pytcg-system")
    options = parser.parse_args()
    if options.record:
        return record(options.file, options.arguments)
    corpus = list(blocks(options.file.read_bytes()))
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    replay(corpus, options.profile)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
