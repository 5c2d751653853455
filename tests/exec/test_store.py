"""The translation cache on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytcg.exec.store import HEADER, Region, TranslationStore, translator_key
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.interrupts import helper_wfi
from tests.exec.board import DATA, PROGRAM, Board
from tests.exec.riscv import WFI, addi, code

KEY = bytes(range(32))
WFI_HELPER = RiscvGuest.helpers.index(helper_wfi)
BODY = b"templates" * 100


@pytest.fixture
def store(tmp_path: Path) -> TranslationStore:
    return TranslationStore(tmp_path / "cache", KEY)


def test_what_is_saved_is_loaded(store: TranslationStore) -> None:
    assert store.load() is None
    store.save([memoryview(BODY), memoryview(b"more")])
    region = store.load()
    assert isinstance(region, Region)
    assert bytes(region.data) == BODY + b"more"
    assert region.end - region.address == len(BODY) + 4


def test_files_are_private(store: TranslationStore) -> None:
    store.save([memoryview(BODY)])
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.directory.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in store.directory.iterdir()] == [store.path.name]


@pytest.mark.parametrize("mode", [0o640, 0o602])
def test_a_file_open_to_others_is_refused(store: TranslationStore, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    store.save([memoryview(BODY)])
    store.path.chmod(mode)
    assert store.load() is None
    assert "not private" in caplog.text


@pytest.mark.parametrize("at", [0, 9, 41, HEADER.size, HEADER.size + 50])
def test_a_corrupt_file_is_ignored_and_replaced(store: TranslationStore, at: int) -> None:
    store.save([memoryview(BODY)])
    data = bytearray(store.path.read_bytes())
    data[at] ^= 1
    store.path.write_bytes(data)
    assert store.load() is None
    store.save([memoryview(BODY)])
    assert store.load() is not None


@pytest.mark.parametrize("length", [0, 5, HEADER.size, HEADER.size + 10])
def test_a_truncated_file_is_ignored(store: TranslationStore, length: int) -> None:
    store.save([memoryview(BODY)])
    os.truncate(store.path, length)
    assert store.load() is None


def test_another_translator_has_another_file(store: TranslationStore) -> None:
    store.save([memoryview(BODY)])
    other = TranslationStore(store.directory, bytes(32))
    assert other.load() is None
    store.path.rename(other.path)
    assert other.load() is None


def test_the_oldest_files_go_first(store: TranslationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytcg.exec.store.DIRECTORY_LIMIT", 2500)
    stores = [TranslationStore(store.directory, bytes([n]) * 32) for n in range(3)]
    for age, one in enumerate(stores):
        one.save([memoryview(BODY)])
        os.utime(one.path, (1000 + age, 1000 + age))
    stores[2].trim()
    assert [one.path.exists() for one in stores] == [False, True, True]


def test_a_directory_that_cannot_be_written_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    TranslationStore(tmp_path / "file" / "cache", KEY).save([memoryview(BODY)])
    assert "cannot keep translations" in caplog.text


def test_the_key_depends_on_the_configuration() -> None:
    assert translator_key(("a", "b")) == translator_key(("a", "b")) != translator_key(("ab", ""))


def test_a_second_run_translates_nothing(tmp_path: Path) -> None:
    program = code(addi(5, 0, 42), WFI)
    for expected in (0, 1):
        board = Board(cache_directory=tmp_path)
        board.write(PROGRAM, program)
        board.run(pc=PROGRAM)
        board.write(DATA, program)
        board.run(pc=DATA)
        assert board.env.globals[5] == 42
        board.processors.close()
        board.code.count()
        assert (board.stats.cached_blocks >= 1, board.distinct[0] == 0) == (bool(expected),) * 2
        assert board.stats.blocks == 2


def test_compiled_helpers_are_kept(tmp_path: Path) -> None:
    first = Board(cache_directory=tmp_path)
    store = first.code.store
    assert isinstance(store, TranslationStore)
    first.processors.close()
    kept = store.load_helpers()
    assert kept and {number for number, _, _ in kept} == set(first.cpu.host.helpers.addresses)
    data = store.helpers_path.read_bytes()
    store.helpers_path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert store.load_helpers() is None
    store.save_helpers(kept)
    second = Board(cache_directory=tmp_path)
    second.run(addi(5, 0, 42), WFI)
    assert second.env.globals[5] == 42
    assert WFI_HELPER in second.cpu.host.helpers.addresses
    second.processors.close()
    kept = store.load_helpers()
    assert kept and WFI_HELPER in {number for number, _, _ in kept}
    third = Board(cache_directory=tmp_path)
    assert WFI_HELPER in third.cpu.host.helpers.addresses
