"""No guest instruction costs more ops or host bytes than code_size.txt says."""

from __future__ import annotations

from tests.golden.code_size import PATH, measure, read, render


def test_code_does_not_grow() -> None:
    expected, found = read(), measure()
    del expected["total"]
    assert expected.keys() == found.keys(), "run python -m tests.golden.code_size, and look at the diff"
    grown = {name: (expected[name], size) for name, size in found.items() if any(map(int.__lt__, expected[name], size))}
    assert not grown, "run python -m tests.golden.code_size where this is meant, and look at the diff"


def test_the_file_is_read_as_it_is_written() -> None:
    text = PATH.read_text()
    sizes = read()
    del sizes["total"]
    assert render(sizes) == text
