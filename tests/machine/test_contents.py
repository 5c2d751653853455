"""Files are mapped, so that their contents take no memory of their own."""

from __future__ import annotations

import mmap
import os
import threading
from pathlib import Path

import pytest

from pytcg.machine.boot.contents import check_length, read_file, release
from pytcg.machine.errors import MachineError


def test_a_file_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"contents" * 1000)
    contents = read_file(path, "kernel")
    assert isinstance(contents, memoryview)
    assert isinstance(contents.obj, mmap.mmap)
    release(contents)
    assert contents == b"contents" * 1000


def test_what_cannot_be_mapped_is_read(tmp_path: Path) -> None:
    empty, pipe = tmp_path / "empty", tmp_path / "pipe"
    empty.touch()
    assert read_file(empty, "kernel") == b""
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"kernel" * 50000,))
    writer.start()
    contents = read_file(pipe, "kernel")
    writer.join()
    check_length("the kernel", contents)
    release(contents)
    assert contents == b"kernel" * 50000


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"^cannot read kernel .*/none: No such file or directory$"):
        read_file(tmp_path / "none", "kernel")
    with pytest.raises(MachineError, match=r"^cannot read kernel .*: Is a directory$"):
        read_file(tmp_path, "kernel")


@pytest.mark.parametrize("length", [0, 8191, 20000])
def test_a_file_of_another_length_is_not_read_again(tmp_path: Path, length: int) -> None:
    path = tmp_path / "kernel"
    path.write_bytes(bytes(10000))
    contents = read_file(path, "kernel")
    check_length("the kernel", contents)
    os.truncate(path, length)
    with pytest.raises(MachineError, match=r"^the kernel was changed while the machine ran"):
        check_length("the kernel", contents)


def test_a_file_that_was_replaced_is_still_the_old_one(tmp_path: Path) -> None:
    path, new = tmp_path / "kernel", tmp_path / "new"
    path.write_bytes(b"old")
    contents = read_file(path, "kernel")
    new.write_bytes(b"another")
    new.replace(path)
    check_length("the kernel", contents)
    assert contents == b"old"
