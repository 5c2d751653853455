"""Virtio block device.

Source: Virtual I/O Device (VIRTIO) specification 1.2, section 5.2.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from functools import partial

from pytcg.block.image import Image
from pytcg.devices.virtio.device import DEFAULT_QUEUE_SIZE, Host, VirtioDevice
from pytcg.devices.virtio.queue import Chain, DriverError, Virtqueue

log = logging.getLogger("pytcg")

SECTOR = 512
SEG_MAX, READ_ONLY, BLK_SIZE, FLUSH, TOPOLOGY, CONFIG_WCE, DISCARD, WRITE_ZEROES = (
    1 << bit for bit in (2, 5, 6, 9, 10, 11, 13, 14)
)
IN, OUT, DO_FLUSH, GET_ID, DO_DISCARD, DO_WRITE_ZEROES = 0, 1, 4, 8, 11, 13
OK, IO_ERROR, UNSUPPORTED = 0, 1, 2
#: type, reserved, sector
HEADER = struct.Struct("<IIQ")
#: sector, count of sectors, flags
RANGE = struct.Struct("<QII")
RANGE_UNMAP = 1
ID_BYTES = 20
#: capacity; size_max, seg_max; geometry; block size; topology; writeback; queues; discard and write-zeroes limits
CONFIG = struct.Struct("<QII4xIBBHIBxHIIIIIB3x")
WRITEBACK_OFFSET = 32
MAX_RANGE_SECTORS = 0x3FFFFF
#: ranges of one request
MAX_RANGES = 16

Work = Callable[[], object]


class Refused(Exception):
    """A request that is not carried out, and the status that it gets."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class VirtioBlk(VirtioDevice):
    """A disk on an image. Requests are carried out by threads, several at a time, and may end in any order.

    `sync`: "flush" honours flushes, and what the driver of a disk without them writes is safe at once; "always" makes
    every write safe at once; "never" ignores flushes. `block_size` is what the disk says it likes best.
    """

    device_id = 2

    def __init__(
        self,
        host: Host,
        image: Image,
        serial: str = "",
        sync: str = "flush",
        block_size: int = SECTOR,
        queue_size: int = DEFAULT_QUEUE_SIZE,
        discard: bool = True,
        write_zeroes: bool = True,
    ) -> None:
        self.image = image
        self.serial = serial.encode()[:ID_BYTES].ljust(ID_BYTES, b"\0")
        self.sync = sync
        self.block_size = block_size
        self.capacity = -(-image.size // SECTOR)
        self.queue_sizes = (queue_size,)
        self._features = SEG_MAX | BLK_SIZE | FLUSH | TOPOLOGY | CONFIG_WCE
        if image.readonly:
            self._features |= READ_ONLY
        else:
            self._features |= DISCARD * discard | WRITE_ZEROES * write_zeroes
        self._work = host.work_group()
        self._complained = False
        super().__init__(host)

    @property
    def features(self) -> int:
        return self._features

    def reset(self) -> None:
        super().reset()
        #: whether writes may stay in the host's memory until a flush
        self.writeback = self.sync != "always"

    def stop(self) -> None:
        self._work.abandon()

    def close(self) -> None:
        self._work.abandon()
        self.image.close()

    def config(self) -> bytes:
        limits = (MAX_RANGE_SECTORS, MAX_RANGES, self.block_size // SECTOR, MAX_RANGE_SECTORS, MAX_RANGES, 1)
        segments = self.queue_sizes[0] - 2
        return CONFIG.pack(self.capacity, 0, segments, self.block_size, 0, 0, 1, 0, self.writeback, 1, *limits)

    def write_config(self, offset: int, data: bytes) -> None:
        if offset == WRITEBACK_OFFSET and self.has(CONFIG_WCE):
            self.writeback = bool(data[0] & 1)

    def handle(self, queue: Virtqueue) -> None:
        while chain := queue.pop():
            self._start(queue, chain)

    def _start(self, queue: Virtqueue, chain: Chain) -> None:
        """Have a request carried out. Raises DriverError for one without a header or without room for a status."""
        header = chain.read(HEADER.size)
        if len(header) < HEADER.size or not chain.writable:
            raise DriverError("a block request without a header, or without room for its status")
        kind, _, sector = HEADER.unpack(header)
        status = chain.writable[-1][-1:]
        chain.writable[-1] = chain.writable[-1][:-1]
        room = chain.room if kind in (IN, GET_ID) else 0

        def done(result: int) -> None:
            status[0] = result
            self.complete(queue, chain, 1 + (room if result == OK else 0))

        try:
            work = self._plan(kind, sector, chain)
        except Refused as refused:
            done(refused.status)
        else:
            self._work.submit(partial(self._carry_out, work), done)

    def _plan(self, kind: int, sector: int, chain: Chain) -> Work:
        """What a request wants done, in another thread. Raises Refused."""
        if kind == IN:
            return partial(self.image.read, self._place(sector, chain.room), chain.writable)
        if kind == OUT:
            if self.image.readonly:
                raise Refused(IO_ERROR)
            return partial(self._write, self._place(sector, sum(map(len, chain.readable))), chain.readable)
        if kind == DO_FLUSH:
            return self._flush
        if kind == GET_ID:
            return partial(chain.fill, self.serial)
        if kind in (DO_DISCARD, DO_WRITE_ZEROES) and self.features & (DISCARD if kind == DO_DISCARD else WRITE_ZEROES):
            return partial(self._clear, kind, self._ranges(kind, chain))
        raise Refused(UNSUPPORTED)

    def _place(self, sector: int, size: int) -> int:
        """Where in the image the bytes at a sector are. Raises Refused where they are not all on the disk."""
        if size % SECTOR or sector + size // SECTOR > self.capacity:
            raise Refused(IO_ERROR)
        return sector * SECTOR

    def _ranges(self, kind: int, chain: Chain) -> list[tuple[int, int, bool]]:
        """The ranges of a request as (offset, size, whether room may be given back). Raises Refused."""
        data = chain.read(RANGE.size * MAX_RANGES + 1)
        if not data or len(data) % RANGE.size:
            raise Refused(IO_ERROR)
        ranges = []
        for sector, count, flags in RANGE.iter_unpack(data):
            if flags & ~(RANGE_UNMAP if kind == DO_WRITE_ZEROES else 0):
                raise Refused(UNSUPPORTED)
            if count > MAX_RANGE_SECTORS:
                raise Refused(IO_ERROR)
            ranges.append((self._place(sector, count * SECTOR), count * SECTOR, bool(flags)))
        return ranges

    def _carry_out(self, work: Work) -> int:
        """Do it; the status for the driver."""
        try:
            work()
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.warning("a disk gives I/O errors to its guest: %s", error.strerror)
            return IO_ERROR
        return OK

    def _write(self, offset: int, buffers: list[memoryview]) -> None:
        self.image.write(offset, buffers)
        self._settle()

    def _clear(self, kind: int, ranges: list[tuple[int, int, bool]]) -> None:
        for offset, size, unmap in ranges:
            if kind == DO_DISCARD:
                self.image.discard(offset, size)
            else:
                self.image.zero(offset, size, unmap)
        self._settle()

    def _settle(self) -> None:
        """After a write: make it safe now, where the driver will not ask for that."""
        if not self.writeback or not self.has(FLUSH | CONFIG_WCE):
            self._flush()

    def _flush(self) -> None:
        if self.sync != "never":
            self.image.flush()
