"""Which backend a host gets."""

from __future__ import annotations

import os

import pytest

from pytcg.backend.x86_64 import backend as x86
from pytcg.exec.processors import choose_backend
from tests.exec.board import Board


def test_a_host_with_a_backend_gets_machine_code(caplog: pytest.LogCaptureFixture) -> None:
    assert choose_backend("") == choose_backend("x86_64") == "x86_64"
    assert choose_backend("tci") == "tci"
    assert not caplog.text


@pytest.mark.parametrize("missing", ["machine", "feature"])
def test_another_host_interprets_and_says_so(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if missing == "machine":
        monkeypatch.setattr("os.uname", lambda: os.uname_result(("Linux", "host", "6", "1", "aarch64")))
    else:
        monkeypatch.setattr(x86, "host_features", lambda: x86.REQUIRED_FEATURES - {"bmi2"})
    assert choose_backend("") == "tci"
    assert "interpreting" in caplog.text
    assert ("aarch64" if missing == "machine" else "bmi2") in caplog.text
    with pytest.raises(ValueError, match="does not run here"):
        choose_backend("x86_64")


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="no backend 'arm'"):
        choose_backend("arm")


def test_code_memory_without_room_for_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="code memory of 65536 bytes leaves"):
        Board(code_bytes=64 << 10)
