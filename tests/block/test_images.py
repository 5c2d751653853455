"""Disk images: raw files and what lies over them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.block.image import KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, Image, ImageError, RawImage
from pytcg.block.overlay import Overlay

SIZE = 40_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(1, 251)) * (SIZE // 250))
    return path


def read(image: Image, offset: int, size: int) -> bytes:
    data = bytearray(b"\xee" * size)
    view = memoryview(data)
    image.read(offset, [view[: size // 3], view[size // 3 :]])
    return bytes(data)


def test_what_is_written_is_in_the_file(path: Path) -> None:
    image = RawImage(path)
    image.write(1000, [b"abc", b"", memoryview(b"def")])
    image.flush()
    assert read(image, 999, 8)[1:7] == b"abcdef"
    assert path.read_bytes()[1000:1006] == b"abcdef"
    image.close()


def test_beyond_the_end_there_are_zeroes(path: Path) -> None:
    image = RawImage(path)
    assert read(image, SIZE - 2, 6) == bytes((249, 250, 0, 0, 0, 0))
    image.close()


def test_holes_read_as_zeroes(path: Path) -> None:
    path.write_bytes(b"x" * (1 << 20))
    image = RawImage(path)
    before = path.stat().st_blocks
    image.discard(0, 1 << 19)
    image.zero(1 << 19, 1 << 18, True)
    assert path.stat().st_blocks < before
    image.zero((1 << 19) + (1 << 18), 4096, False)
    assert read(image, 0, 1 << 20) == bytes((3 << 18) + 4096) + b"x" * ((1 << 18) - 4096)
    image.close()
    kept = RawImage(path, discards=False)
    kept.write(0, [b"y" * 8192])
    kept.discard(0, 8192)
    assert read(kept, 0, 8192) == b"y" * 8192
    kept.zero(0, 8192, True)
    assert read(kept, 0, 8192) == bytes(8192)
    kept.close()


@pytest.mark.parametrize("unmap", (False, True))
def test_room_is_given_back_where_the_guest_says_so(path: Path, unmap: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    image = RawImage(path)
    modes: list[int] = []
    monkeypatch.setattr(image, "_allocate", lambda mode, offset, size: not modes.append(mode))
    image.zero(0, 100, unmap)
    assert modes == [(PUNCH_HOLE if unmap else ZERO_RANGE) | KEEP_SIZE]
    image.close()


def test_a_file_system_without_holes_gets_zeroes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = RawImage(path)
    monkeypatch.setattr(image, "_allocate", lambda mode, offset, size: False)
    image.zero(10, 100, True)
    assert read(image, 9, 102) == bytes((10, *bytes(100), 111))
    image.close()


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [(False, False, True), (False, True, True), (True, False, True), (True, True, False)],
)
def test_locks(path: Path, first: bool, second: bool, refused: bool) -> None:
    image = RawImage(path, readonly=first)
    if refused:
        with pytest.raises(ImageError, match=rf"disk image {path} is in use by another pytcg"):
            RawImage(path, readonly=second)
    else:
        RawImage(path, readonly=second).close()
    RawImage(path, readonly=second, locking=False).close()
    image.close()
    RawImage(path).close()


def test_what_is_no_raw_image(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="neither a file nor"):
        RawImage(Path("/dev/null"))
    with pytest.raises(ImageError, match="Is a directory"):
        RawImage(tmp_path)
    with pytest.raises(ImageError, match="nowhere: No such file"):
        RawImage(tmp_path / "nowhere")
    path.write_bytes(b"QFI\xfb" + bytes(1000))
    with pytest.raises(ImageError, match="is a qcow2 image, and pytcg reads raw images"):
        RawImage(path)
    path.write_bytes(b"")
    RawImage(path).close()


def test_an_overlay_leaves_the_image_alone(path: Path) -> None:
    before = path.read_bytes()
    overlay = Overlay(RawImage(path, readonly=True))
    overlay.write(4000, [b"a" * 100, b"b" * 9000])
    overlay.flush()
    overlay.discard(0, SIZE)
    assert read(overlay, 0, SIZE) == before[:4000] + b"a" * 100 + b"b" * 9000 + before[13100:]
    overlay.zero(0, SIZE, True)
    assert read(overlay, 0, SIZE + 10) == bytes(SIZE + 10)
    overlay.close()
    assert path.read_bytes() == before


OPERATIONS = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, 12_000)), max_size=12)


@given(OPERATIONS)
def test_an_overlay_is_as_a_copy(tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int]]) -> None:
    path = tmp_path_factory.mktemp("overlay") / "disk.img"
    expected = bytearray(os.urandom(SIZE))
    path.write_bytes(expected)
    overlay = Overlay(RawImage(path, readonly=True))
    for number, (offset, size) in enumerate(writes):
        size = min(size, SIZE - offset)
        data = bytes([number + 1]) * size
        overlay.write(offset, [data[: size // 2], data[size // 2 :]])
        expected[offset : offset + size] = data
        start = max(offset - 5000, 0)
        assert read(overlay, start, 15_000) == (bytes(expected) + bytes(20_000))[start : start + 15_000]
    overlay.close()


def test_threads_may_use_an_image_at_once(path: Path) -> None:
    for make in (lambda: RawImage(path), lambda: Overlay(RawImage(path, readonly=True))):
        check_threads(make)


def check_threads(make: Callable[[], Image]) -> None:
    image = make()

    def work(number: int) -> None:
        for round_number in range(20):
            image.write(number * 5000, [bytes([number * 20 + round_number]) * 5000])
            assert read(image, number * 5000, 5000) == bytes([number * 20 + round_number]) * 5000

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(image, 0, SIZE) == b"".join(bytes([number * 20 + 19]) * 5000 for number in range(8))
    image.close()
