"""The translation cache on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytcg.exec.blocks.store import HEADER, Region, TranslationStore, translator_key
from pytcg.frontend.riscv.guest import RiscvGuest
from pytcg.frontend.riscv.interrupts import helper_wfi
from tests.exec.board import DATA, PROGRAM, Board
from tests.exec.riscv import WFI, addi, code

KEY = bytes(range(8))
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


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_directory_that_others_can_write_is_refused(
    store: TranslationStore, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    store.save([memoryview(BODY)])
    store.directory.chmod(mode)
    again = TranslationStore(store.directory, KEY)
    assert again.load() is again.load_helpers() is None
    before = store.path.stat()
    again.save([memoryview(b"other")])
    assert store.path.stat() == before
    assert [record.message for record in caplog.records] == [f"{store.directory} is not private to you: not used"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("part", ["path", "directory"])
def test_what_belongs_to_somebody_else_is_refused(
    store: TranslationStore, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.save([memoryview(BODY)])
    os.chown(getattr(store, part), 65534, 65534)
    assert TranslationStore(store.directory, KEY).load() is None
    assert "not private" in caplog.text


def test_a_symbolic_link_is_not_followed_and_is_replaced(store: TranslationStore, tmp_path: Path) -> None:
    store.save([memoryview(BODY)])
    elsewhere = tmp_path / "elsewhere"
    store.path.rename(elsewhere)
    store.path.symlink_to(elsewhere)
    assert store.load() is None
    store.save([memoryview(b"new")])
    assert not store.path.is_symlink()
    region = store.load()
    assert region and bytes(region.data) == b"new"
    assert elsewhere.read_bytes().endswith(BODY)


@pytest.mark.parametrize("at", [0, 9, 20, HEADER.size, HEADER.size + 50])
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
    other = TranslationStore(store.directory, bytes(8))
    assert other.load() is None
    store.path.rename(other.path)
    assert other.load() is None


def test_the_oldest_files_go_first(store: TranslationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytcg.exec.blocks.store.DIRECTORY_LIMIT", 2500)
    stores = [TranslationStore(store.directory, bytes([n]) * 8) for n in range(3)]
    for age, one in enumerate(stores):
        one.save([memoryview(BODY)])
        os.utime(one.path, (1000 + age, 1000 + age))
    stores[2].trim()
    assert [one.path.exists() for one in stores] == [False, True, True]


def test_use_counts_and_not_age(store: TranslationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = [TranslationStore(store.directory, bytes([n]) * 8) for n in range(3)]
    for age, one in enumerate(stores):
        one.save([memoryview(BODY)])
        os.utime(one.path, (1000 + age, 1000 + age))
    monkeypatch.setattr("pytcg.exec.blocks.store.DIRECTORY_LIMIT", 2500)
    assert stores[0].load()
    stores[0].trim()
    assert [one.path.exists() for one in stores] == [True, False, True]


def test_what_a_killed_run_has_left_goes(store: TranslationStore) -> None:
    store.save([memoryview(BODY)])
    old, fresh = (store.path.with_suffix(f".{n}.new") for n in (1, 2))
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    store.trim()
    assert not old.exists() and fresh.exists() and store.path.exists()


def test_many_runs_may_share_a_directory(tmp_path: Path) -> None:
    """Writers of two keys and a reader at once: whatever is read is whole, and nothing is left over."""
    bodies = [bytes([n]) * 300_000 for n in range(1, 5)]
    program = (
        "import sys; from pathlib import Path; from pytcg.exec.blocks.store import TranslationStore\n"
        "store = TranslationStore(Path(sys.argv[1]), bytes([int(sys.argv[2]) % 2]) * 8)\n"
        "for _ in range(30): store.save([memoryview(bytes([int(sys.argv[2])]) * 300_000)])\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(n)], stderr=subprocess.PIPE)
        for n in range(1, 5)
    ]
    stores = [TranslationStore(tmp_path, bytes([n]) * 8) for n in range(2)]
    read = 0
    while any(writer.poll() is None for writer in writers):
        for number, store in enumerate(stores):
            if region := store.load():
                assert bytes(region.data) in [body for body in bodies if body[0] % 2 == number]
                read += 1
    assert [writer.communicate()[1] for writer in writers] == [b""] * 4
    assert read
    assert {path.name for path in tmp_path.iterdir()} == {store.path.name for store in stores}


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


def test_a_file_that_is_too_large_keeps_what_was_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three programs, a run each; the second and third also run the first: then it is the second that goes."""
    monkeypatch.setattr("pytcg.exec.blocks.machinecache.WORTHWHILE", 1)
    programs = [code(*(addi(5, 5, 3 * n + at) for n in range(50)), WFI) for at in range(3)]
    distinct = []
    for number, limit in ((0, 1 << 20), (1, 1 << 20), (2, 0), (0, 1 << 20), (1, 1 << 20)):
        board = Board(cache_directory=tmp_path)
        region = board.code.region
        if number == 2 and region:
            limit = len(region.data) + 8
        monkeypatch.setattr("pytcg.exec.blocks.machinecache.FILE_LIMIT", limit)
        for program in {0, number}:
            board.write(PROGRAM, programs[program])
            board.x[5] = 0
            board.run(pc=PROGRAM)
            assert board.x[5] == sum(3 * n + program for n in range(50))
        distinct.append(board.stats.distinct_blocks)
        board.processors.close()
    assert distinct[3] == 0 < distinct[4]


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
