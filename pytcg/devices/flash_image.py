"""The host's file of a bank of flash."""

from __future__ import annotations

import logging

from pytcg.block.image import Image
from pytcg.devices.virtio.device import Host

log = logging.getLogger("pytcg")

PAGE = 4096


class FlashImage:
    """Gives a bank its contents, and soon after they change writes them back, in another thread."""

    def __init__(self, host: Host, image: Image) -> None:
        self.image = image
        self.readonly = image.readonly
        self._loop = host.loop
        self._work = host.work_group()
        self._contents = memoryview(b"")
        #: numbers of pages that are still to be written
        self._dirty: set[int] = set()
        self._complained = False

    def load(self, contents: memoryview) -> None:
        """Fill a bank, whose contents are at hand from here on. Raises ValueError where the image has another size."""
        if self.image.size != len(contents):
            raise ValueError(f"a flash image of {self.image.size} bytes for a bank of {len(contents)}")
        try:
            self.image.read(0, [contents])
        except OSError as error:
            raise ValueError(f"the flash image cannot be read: {error.strerror}") from None
        self._contents = contents

    def changed(self, offset: int, size: int) -> None:
        """The guest has changed a range."""
        clean = not self._dirty
        self._dirty.update(range(offset // PAGE, -(-(offset + size) // PAGE)))
        if clean:
            self._loop.call_soon(self._save)

    def close(self) -> None:
        """Write what is left, and let go of the image."""
        self._work.abandon()
        self._write(self._taken())
        self.image.close()

    def _taken(self) -> list[tuple[int, bytes]]:
        """Copies of what is to be written, by offset."""
        pages, self._dirty = sorted(self._dirty), set()
        return [(page * PAGE, bytes(self._contents[page * PAGE : (page + 1) * PAGE])) for page in pages]

    def _save(self) -> None:
        pages = self._taken()
        if pages:
            self._work.submit(lambda: self._write(pages), lambda _: None)

    def _write(self, pages: list[tuple[int, bytes]]) -> None:
        try:
            for offset, data in pages:
                self.image.write(offset, [data])
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.warning("what the guest writes to its flash is lost: %s", error.strerror)
