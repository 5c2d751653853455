"""The virtio disk, by a driver in Python."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytcg.block.image import RawImage
from pytcg.block.overlay import Overlay
from pytcg.devices.virtio.blk import (
    CONFIG_WCE,
    DISCARD,
    DO_DISCARD,
    DO_FLUSH,
    DO_WRITE_ZEROES,
    FLUSH,
    GET_ID,
    IN,
    IO_ERROR,
    OK,
    OUT,
    READ_ONLY,
    UNSUPPORTED,
    WRITE_ZEROES,
    VirtioBlk,
)
from pytcg.devices.virtio.device import INDIRECT_DESC, NEEDS_RESET
from tests.devices.virtio_driver import BUFFERS, CONFIG, GENERATION, PFN, QUEUE, STATUS, Bench

SECTORS = 100
DISK = b"".join(bytes([number]) * 512 for number in range(1, SECTORS + 1))


class Recorded(RawImage):
    """An image that counts its flushes, and can be full."""

    flushes = 0
    full = False

    def flush(self) -> None:
        self.flushes += 1
        super().flush()

    def write(self, offset: int, buffers: Sequence[memoryview | bytes]) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(offset, buffers)


class Disk(Bench):
    def __init__(
        self, path: Path, readonly: bool = False, legacy: bool = False, work: Any = None, **options: Any
    ) -> None:
        path.write_bytes(DISK)
        self.path = path
        self.image = Recorded(path, readonly=readonly, locking=False)
        more = {"work": work} if work else {}
        super().__init__(lambda host: VirtioBlk(host, self.image, "serial-1", **options), legacy, **more)

    def request(self, kind: int, sector: int, *buffers: bytes | int, indirect: bool = False) -> tuple[int, bytes]:
        """Status, and what was written to the buffers."""
        header = struct.pack("<IIQ", kind, 0, sector)
        at = self.send(header, *buffers, 1, indirect=indirect)
        room = sum(size for size in buffers if isinstance(size, int))
        start = at + 16 + sum(len(data) for data in buffers if isinstance(data, bytes))
        ((_, length),) = self.done()
        status = self.peek(start + room, 1)[0]
        assert length == (1 + room if status == OK and room else 1)
        return status, self.peek(start, room)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    disk = Disk(tmp_path / "disk")
    disk.start(FLUSH | CONFIG_WCE | DISCARD | WRITE_ZEROES | INDIRECT_DESC)
    return disk


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("indirect", [True, False])
def test_reading_and_writing(tmp_path: Path, legacy: bool, indirect: bool) -> None:
    disk = Disk(tmp_path / "disk", legacy=legacy)
    disk.start(INDIRECT_DESC)
    assert disk.request(IN, 3, 1024, indirect=indirect) == (OK, DISK[3 * 512 : 5 * 512])
    assert disk.request(OUT, 98, b"a" * 100, b"b" * 924, indirect=indirect) == (OK, b"")
    assert disk.request(IN, 97, 512, 1024, indirect=indirect) == (OK, DISK[97 * 512 :][:512] + b"a" * 100 + b"b" * 924)
    assert disk.path.read_bytes() == DISK[: 98 * 512] + b"a" * 100 + b"b" * 924


def test_framing_is_free(disk: Disk) -> None:
    """Section 2.7.4: a device makes no assumptions about where descriptors begin."""
    data = struct.pack("<IIQ", OUT, 0, 1) + b"z" * 512
    disk.send(data[:7], data[7:300], data[300:], 1)
    assert disk.done() == [(0, 1)]
    disk.send(struct.pack("<IIQ", IN, 0, 1), 500, 13)
    assert disk.done() == [(0, 513)]
    assert disk.peek(BUFFERS + 16, 513) == b"z" * 512 + b"\0"


def test_a_flush_writes_nothing_but_its_status(disk: Disk) -> None:
    disk.send(struct.pack("<IIQ", DO_FLUSH, 0, 0), 512, 1)
    assert disk.done() == [(0, 1)]


def test_an_image_of_no_whole_sectors_is_rounded_up(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk")
    os.truncate(disk.path, 1000)
    image = RawImage(disk.path, locking=False)
    odd = Bench(lambda host: VirtioBlk(host, image))
    assert odd.read(CONFIG) == 2
    odd.start()
    odd.send(struct.pack("<IIQ", IN, 0, 1), 512, 1)
    assert odd.done() == [(0, 513)]
    assert odd.peek(BUFFERS + 16, 512) == DISK[512:1000] + bytes(24)


def test_the_configuration(disk: Disk) -> None:
    config = bytes(disk.read(CONFIG + at, 1) for at in range(60))
    capacity, _, segments = struct.unpack_from("<QII", config)
    assert (capacity, segments) == (SECTORS, 254)
    assert struct.unpack_from("<I", config, 20) == (512,)
    assert config[32] == 1
    assert disk.read(CONFIG, 4) == SECTORS and disk.read(CONFIG + 0x80, 4) == 0
    assert disk.offered() & 0xFFFFFF == 0x6E44
    assert disk.read(GENERATION) == 0


@pytest.mark.parametrize(
    ("kind", "sector", "buffer"),
    [
        (IN, SECTORS, 512),
        (IN, SECTORS - 1, 1024),
        (IN, (1 << 64) - 1, 512),
        (IN, 0, 100),
        (OUT, SECTORS, bytes(512)),
        (OUT, 1 << 60, bytes(512)),
        (OUT, 0, bytes(511)),
        (DO_DISCARD, 0, struct.pack("<QII", 50, 51, 0)),
        (DO_DISCARD, 0, struct.pack("<QII", (1 << 64) - 1, 1, 0)),
        (DO_WRITE_ZEROES, 0, bytes(15)),
        (DO_WRITE_ZEROES, 0, bytes(16 * 17)),
    ],
)
def test_what_is_not_on_the_disk(disk: Disk, kind: int, sector: int, buffer: bytes | int) -> None:
    assert disk.request(kind, sector, buffer)[0] == IO_ERROR
    assert disk.path.read_bytes() == DISK
    assert disk.request(IN, 0, 512) == (OK, DISK[:512])


@pytest.mark.parametrize(("kind", "flags"), [(99, 0), (10, 0), (14, 0), (DO_DISCARD, 1), (DO_WRITE_ZEROES, 2)])
def test_what_is_not_supported(disk: Disk, kind: int, flags: int) -> None:
    assert disk.request(kind, 0, struct.pack("<QII", 0, 1, flags))[0] == UNSUPPORTED


def test_its_name(disk: Disk) -> None:
    assert disk.request(GET_ID, 0, 20) == (OK, b"serial-1".ljust(20, b"\0"))


def test_discard_and_zeroes(disk: Disk) -> None:
    ranges = struct.pack("<QIIQII", 0, 8, 0, 16, 8, 1)
    assert disk.request(DO_WRITE_ZEROES, 0, ranges) == (OK, b"")
    zeroed = bytes(4096) + DISK[4096:8192] + bytes(4096) + DISK[12288:]
    assert disk.path.read_bytes() == zeroed
    assert disk.request(DO_DISCARD, 0, struct.pack("<QII", 8, 8, 0)) == (OK, b"")
    assert disk.path.read_bytes() == bytes(12288) + DISK[12288:]


@pytest.mark.parametrize("buffers", [(b"short", 1), (bytes(16),), (bytes(16), bytes(512))])
def test_a_request_without_header_or_status(disk: Disk, buffers: tuple[bytes | int, ...]) -> None:
    disk.send(*buffers)
    assert disk.read(STATUS) & NEEDS_RESET
    disk.start()
    assert disk.request(IN, 0, 512) == (OK, DISK[:512])


def test_a_disk_that_is_only_read(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk", readonly=True)
    assert disk.offered() & (READ_ONLY | DISCARD | WRITE_ZEROES) == READ_ONLY
    disk.start(READ_ONLY | FLUSH)
    assert disk.request(OUT, 0, bytes(512)) == (IO_ERROR, b"")
    assert disk.request(DO_DISCARD, 0, struct.pack("<QII", 0, 1, 0)) == (UNSUPPORTED, b"")
    assert disk.request(IN, 0, 512) == (OK, DISK[:512])
    assert disk.request(DO_FLUSH, 0) == (OK, b"")


@pytest.mark.parametrize(
    ("sync", "features", "writeback", "after_write", "after_flush"),
    [
        ("flush", FLUSH, 1, 0, 1),
        ("flush", 0, 1, 1, 2),
        ("flush", FLUSH | CONFIG_WCE, 0, 1, 2),
        ("always", FLUSH | CONFIG_WCE, None, 1, 2),
        ("never", FLUSH, 1, 0, 0),
        ("never", 0, 1, 0, 0),
    ],
)
def test_when_what_was_written_is_safe(
    tmp_path: Path, sync: str, features: int, writeback: int | None, after_write: int, after_flush: int
) -> None:
    disk = Disk(tmp_path / "disk", sync=sync)
    disk.start(features)
    if writeback is not None:
        disk.write(CONFIG + 32, writeback, size=1)
    disk.request(OUT, 0, bytes(512))
    assert disk.image.flushes == after_write
    disk.request(DO_FLUSH, 0)
    assert disk.image.flushes == after_flush


def test_errors_of_the_host_reach_the_guest(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    disk.image.full = True
    for _ in range(3):
        assert disk.request(OUT, 0, bytes(512)) == (IO_ERROR, b"")
    assert caplog.messages == ["a disk gives I/O errors to its guest: No space left on device"]
    disk.image.full = False
    assert disk.request(OUT, 0, bytes(512)) == (OK, b"")


class Held:
    """A group of work that is under way until it is let go or abandoned."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []
        self.abandoned = 0

    def __call__(self) -> Held:
        return self

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        self.waiting.append((work, done))

    def abandon(self) -> None:
        self.abandoned += 1
        self.waiting.clear()

    def let_go(self, order: Sequence[int]) -> None:
        waiting, self.waiting = self.waiting, []
        for number in order:
            work, done = waiting[number]
            done(work())


def test_a_queue_that_moves_forgets_its_requests(tmp_path: Path) -> None:
    """Nothing is given back where the queue was, nor where it is next."""
    held = Held()
    disk = Disk(tmp_path / "disk", legacy=True, work=held)
    disk.start()
    disk.send(struct.pack("<IIQ", IN, 0, 3), 512, 1)
    assert len(held.waiting) == 1
    disk.write(PFN, QUEUE + 0x8000 >> 12)
    assert not held.waiting
    assert disk.done() == []


def test_what_is_only_read_refuses_a_write(tmp_path: Path) -> None:
    """Whatever lies below: the scratch file of a snapshot could be written."""
    disk = Disk(tmp_path / "disk")
    snapshot = Overlay(RawImage(disk.path, readonly=True), readonly=True)
    disk.device = VirtioBlk(disk.device.host, snapshot)
    disk.mmio.device = disk.device
    disk.start()
    assert disk.request(OUT, 3, bytes(512)) == (IO_ERROR, b"")
    assert disk.request(IN, 3, 512) == (OK, DISK[3 * 512 : 4 * 512])
    snapshot.close()


def test_an_image_that_gets_shorter_reads_as_zeroes(disk: Disk) -> None:
    os.truncate(disk.path, 1024)
    assert disk.request(IN, 1, 512 * 90) == (OK, b"\2" * 512 + bytes(512 * 89))


def test_requests_end_in_any_order_and_none_after_a_reset(tmp_path: Path) -> None:
    held = Held()
    disk = Disk(tmp_path / "disk", work=held)
    disk.start()
    for number in range(3):
        at = BUFFERS + number * 0x1000
        disk.poke(at, struct.pack("<IIQ", IN, 0, number))
        disk.describe((at, 16, 1, 2 * number + 1), (at + 16, 513, 2, 0), first=2 * number)
        disk.offer(2 * number)
    disk.notify()
    assert disk.done() == []
    held.let_go((2, 0, 1))
    assert disk.done() == [(4, 513), (0, 513), (2, 513)]
    assert disk.peek(BUFFERS + 0x2010, 512) == DISK[1024:1536]
    disk.offer(0)
    disk.notify()
    before = held.abandoned
    disk.start()
    assert held.abandoned > before
    assert disk.done() == []
