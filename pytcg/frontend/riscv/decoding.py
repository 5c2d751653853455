"""The decoders of an ISA configuration, from the instruction tables that it enables."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

from pytcg.frontend.decoder import Decoder, Trans
from pytcg.frontend.decodetree import Definitions, Pattern
from pytcg.frontend.guest import NO_EXTRAS, Extras
from pytcg.frontend.riscv import insns
from pytcg.frontend.riscv.isa import Isa
from pytcg.frontend.riscv.translator import Translator

#: modules with trans functions
MODULES = (
    "rv64i",
    "jumps",
    "memory",
    "rv64m",
    "rv64a",
    "float",
    "zba",
    "zbb",
    "zbc",
    "zbs",
    "zicond",
    "cache",
    "zawrs",
    "zicsr",
    "privileged",
)
_DIRECTORY = Path(__file__).parent / "insns"
_PREFIX = "trans_"


@cache
def trans_functions() -> dict[str, Trans]:
    """All trans functions, by the name of their pattern."""
    functions: dict[str, Trans] = {"illegal": Translator.illegal}
    for name in MODULES:
        module = import_module(f"{insns.__name__}.{name}")
        functions |= _functions(module)
    return functions


def _functions(module: ModuleType) -> dict[str, Trans]:
    found = ((name, value) for name, value in vars(module).items() if isinstance(value, FunctionType))
    return {name.removeprefix(_PREFIX): value for name, value in found if name.startswith(_PREFIX)}


@cache
def _shared() -> Definitions:
    definitions = Definitions()
    definitions.read(_text("formats"), "formats.decode")
    return definitions


@cache
def patterns(table: str) -> tuple[Pattern, ...]:
    """The patterns of an instruction table."""
    return tuple(_shared().copy().read(_text(table), f"{table}.decode"))


def _text(table: str) -> str:
    return (_DIRECTORY / f"{table}.decode").read_text(encoding="ascii")


@cache
def decoder(tables: tuple[str, ...], width: int) -> Decoder:
    """The decoder of the instructions of a width in bits."""
    rows = (pattern for table in tables for pattern in patterns(table) if pattern.width == width)
    return Decoder(rows, trans_functions())


def translator(isa: Isa, extras: Extras = NO_EXTRAS) -> Translator:
    """A translator for an ISA configuration."""
    return Translator(decoder(isa.tables, 16), decoder(isa.tables, 32), "c" in isa, extras)
