"""Values that are likely to break something, for all fuzzers, and the one line that a refusal is to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pytcg.machine.errors import MachineError

RAM, RAM_SIZE = 0x80000000, 128 << 20
#: for tests whose examples take tens of milliseconds
costly = settings(
    max_examples=max(settings.default.max_examples // 4, 4),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def numbers(bits: int) -> st.SearchStrategy[int]:
    """Unsigned numbers: small ones, ones around powers of two, ones around RAM, any."""
    most = (1 << bits) - 1
    near = st.builds(lambda shift, offset: (1 << shift) + offset & most, st.integers(0, bits), st.integers(-9, 9))
    around = st.builds(lambda base, offset: base + offset & most, st.sampled_from((RAM, RAM + RAM_SIZE)), near)
    return st.one_of(st.integers(0, 70), near, around, st.integers(0, most))


@st.composite
def damaged(draw: st.DrawFn, sound: bytes, edits: int = 4) -> bytes:
    """Bytes with a few changed, some taken out or put in, and the end cut off."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(0, edits))):
        at = draw(st.one_of(st.integers(0, min(len(data), 128)), st.integers(0, len(data))))
        width = draw(st.sampled_from((1, 2, 4, 8)))
        new = draw(numbers(8 * width)).to_bytes(width, draw(st.sampled_from(("little", "big"))))
        data[at : at + draw(st.sampled_from((0, width, width, width, 40)))] = new
    return bytes(data[: draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))])


@contextmanager
def refused_in_one_line() -> Iterator[None]:
    """What is inside works, or raises MachineError with a line of text."""
    try:
        yield
    except MachineError as error:
        text = str(error)
        assert text.strip() and "\n" not in text
