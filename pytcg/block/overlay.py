"""`snapshot=on`: what the guest writes goes to a temporary file, and the image stays as it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock

from pytcg.block.image import Image, ImageError, RawImage, after

CLUSTER = 4096


class Overlay(Image):
    """An image over another that is only read. What was written is gone at the end, so a flush does nothing.

    Raises ImageError where the host has no room for temporary files.
    """

    def __init__(self, base: Image, readonly: bool = False) -> None:
        self.base = base
        self.readonly = readonly
        self.size = base.size
        #: what was written, each cluster at its offset in the image
        self._scratch = _temporary_image()
        #: a byte a cluster: 1 where the scratch file has it
        self._written = bytearray(-(-base.size // CLUSTER))
        self._lock = Lock()

    def read(self, offset: int, buffers: Sequence[memoryview]) -> None:
        rest = list(buffers)
        with self._lock:
            for start, size, written in self._runs(offset, sum(map(len, buffers))):
                (self._scratch if written else self.base).read(start, _first(rest, size))
                rest = after(rest, size)

    def write(self, offset: int, buffers: Sequence[memoryview | bytes]) -> None:
        end = offset + sum(map(len, buffers))
        first, last = offset // CLUSTER, -(-end // CLUSTER)
        with self._lock:
            # clusters that are written in part take the rest from the image
            for cluster in {first, last - 1} if last > first else ():
                start = cluster * CLUSTER
                if not self._written[cluster] and not offset <= start < start + CLUSTER <= end:
                    data = memoryview(bytearray(CLUSTER))
                    self.base.read(start, [data])
                    self._scratch.write(start, [data])
            self._scratch.write(offset, buffers)
            self._written[first:last] = b"\1" * (last - first)

    def flush(self) -> None:
        """Nothing is to last."""

    def discard(self, offset: int, size: int) -> None:
        """The room is given back at the end."""

    def close(self) -> None:
        self._scratch.close()
        self.base.close()

    def _runs(self, offset: int, size: int) -> Iterator[tuple[int, int, bool]]:
        """A range as runs of (offset, size, whether written)."""
        end = offset + size
        while offset < end:
            written = self._is_written(offset)
            stop = offset
            while stop < end and self._is_written(stop) == written:
                stop = (stop // CLUSTER + 1) * CLUSTER
            stop = min(stop, end)
            yield offset, stop - offset, written
            offset = stop

    def _is_written(self, offset: int) -> bool:
        cluster = offset // CLUSTER
        return cluster < len(self._written) and self._written[cluster] != 0


def _first(buffers: Sequence[memoryview], size: int) -> list[memoryview]:
    """The first `size` bytes of buffers."""
    found = []
    for buffer in buffers:
        found.append(buffer[:size])
        size -= len(found[-1])
    return found


def _temporary_image() -> RawImage:
    """An empty file without a name."""
    try:
        fd, name = tempfile.mkstemp(prefix="pytcg-snapshot-")
    except OSError as error:
        raise ImageError(f"cannot make a temporary file for snapshot=on: {error.strerror}") from None
    os.close(fd)
    try:
        return RawImage(Path(name), locking=False)
    finally:
        Path(name).unlink()
