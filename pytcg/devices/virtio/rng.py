"""Virtio entropy device.

Source: Virtual I/O Device (VIRTIO) specification 1.2, section 5.4.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from pytcg.devices.virtio.device import Host, VirtioDevice
from pytcg.devices.virtio.queue import DriverError, Virtqueue

#: bytes that one request gets at most: the specification lets a device give less than there is room for
MAX_BYTES = 1 << 16


class VirtioRng(VirtioDevice):
    """Fills requests from `source`, which gives so many random bytes at once."""

    device_id = 4
    queue_sizes = (8,)

    def __init__(self, host: Host, source: Callable[[int], bytes] = os.urandom) -> None:
        self.source = source
        super().__init__(host)

    def handle(self, queue: Virtqueue) -> None:
        while chain := queue.pop():
            if not chain.writable:
                raise DriverError("a request for random bytes without room for them")
            self.complete(queue, chain, chain.fill(self.source(min(chain.room, MAX_BYTES))))
