"""The demo kernel on the interpreter of TCG ops."""

from __future__ import annotations

import pytest

from tests.system.guests import demo

TCI = ("-accel", "tcg,backend=tci")


def test_it_comes_to_its_prompt() -> None:
    out = demo("fault load;primes 100;poweroff", *TCI)
    assert "trap: load page fault (scause 13), stval 0x123456789008" in out
    assert "25 primes up to 100, the last is 97" in out


@pytest.mark.slow
def test_two_harts() -> None:
    assert "1 CPUs added up to 50 " in demo("smp 50;poweroff", *TCI, "-smp", "2")
