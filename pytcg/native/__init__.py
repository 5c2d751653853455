"""Native routines: functions in a subset of Python that run as Python and compile to machine code by way of TCG ops."""

from pytcg.native.function import NativeFunction, native
from pytcg.native.source import NativeError

__all__ = ["NativeError", "NativeFunction", "native"]
