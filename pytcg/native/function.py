"""The decorator that makes a function a native routine."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, update_wrapper
from types import FunctionType
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar, cast

from pytcg.native.source import NativeError
from pytcg.tcg.types import MASK64

if TYPE_CHECKING:
    from pytcg.native.tree import Definition

P = ParamSpec("P")
R = TypeVar("R")


class NativeFunction(Generic[P, R]):
    """A native routine. Called, it runs as Python with the semantics of the compiled routine.

    Values are unsigned 64-bit ints that wrap, module-level constants are those of the first call, the result is a plain
    int.

    `definition` and `python` raise NativeError where the function is outside the subset.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = cast(FunctionType, function)
        self.name = self.function.__name__
        self.line = self.function.__code__.co_firstlineno
        self._being_parsed = False
        update_wrapper(self, function)

    @cached_property
    def definition(self) -> Definition:
        """The parsed routine, and with it those that it calls."""
        # most runs take compiled routines from the disk
        from pytcg.native.parser import parse

        if self._being_parsed:
            raise NativeError(self.function, self.line, "recursion")
        self._being_parsed = True
        try:
            return parse(self.function, lambda thing: isinstance(thing, NativeFunction))
        finally:
            self._being_parsed = False

    @cached_property
    def python(self) -> Callable[..., int]:
        """The Python copy, for arguments that are in 0..2**64-1 already."""
        from pytcg.native.copy import python_copy

        return python_copy(self.definition, self.name, self.function.__code__.co_filename)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs:
            raise TypeError(f"{self.name}: positional arguments only")
        values = [value & MASK64 if isinstance(value, int) else value for value in args]
        return cast(R, self.python(*values))


def native(function: Callable[P, R]) -> NativeFunction[P, R]:
    """Decorator: a function in the subset of Python that docs/architecture.md describes ("Native routines")."""
    return NativeFunction(function)
