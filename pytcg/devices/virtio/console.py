"""Virtio console with one port.

Source: Virtual I/O Device (VIRTIO) specification 1.2, section 5.3.
"""

from __future__ import annotations

import struct

from pytcg.devices.chardev import Chardev, NullChardev
from pytcg.devices.virtio.device import Host, VirtioDevice
from pytcg.devices.virtio.queue import Chain, DriverError, Virtqueue

RECEIVE, TRANSMIT = 0, 1
EMERGENCY_WRITE = 1 << 2
#: columns, rows, number of ports, emergency write
CONFIG = struct.Struct("<HHII")
EMERGENCY_OFFSET = 8
#: bytes that one request gets at most: it may have room for more than the host has
MAX_INPUT = 1 << 16


class VirtioConsole(VirtioDevice):
    """The guest's end of a chardev. What that does not take at once waits in the transmit queue."""

    device_id = 3
    queue_sizes = (128, 128)

    def __init__(self, host: Host) -> None:
        self.chardev: Chardev = NullChardev()
        #: a request of which the chardev has not taken everything
        self._sending: Chain | None = None
        #: a request whose room for input was promised to the chardev
        self._receiving: Chain | None = None
        super().__init__(host)

    def attach(self, chardev: Chardev) -> None:
        """Lead to a chardev."""
        self.chardev = chardev
        chardev.connect(self)

    @property
    def features(self) -> int:
        return EMERGENCY_WRITE

    def config(self) -> bytes:
        return CONFIG.pack(0, 0, 1, 0)

    def write_config(self, offset: int, data: bytes) -> None:
        if offset == EMERGENCY_OFFSET and self.chardev.room():
            self.chardev.write(data[:1])

    def stop(self) -> None:
        self._sending = self._receiving = None

    def handle(self, queue: Virtqueue) -> None:
        if queue.index == RECEIVE:
            self.chardev.accept_input()
        else:
            self._send(queue)

    def _send(self, queue: Virtqueue) -> None:
        while chain := self._sending or queue.pop():
            self._sending = chain
            while chain.readable and (room := self.chardev.room()):
                self.chardev.write(chain.read(room))
            if chain.readable:
                return
            self._sending = None
            self.complete(queue, chain, 0)

    def can_send(self) -> None:
        """The chardev has room again."""
        self.serve(self.queues[TRANSMIT])

    def can_receive(self) -> int:
        """How many bytes the driver has room for in its next request."""
        try:
            if self._receiving is None and self.running:
                self._receiving = self._next_room()
        except DriverError as error:
            self.fail(error)
        return min(self._receiving.room, MAX_INPUT) if self._receiving else 0

    def _next_room(self) -> Chain | None:
        chain = self.queues[RECEIVE].pop()
        if chain and not chain.writable:
            raise DriverError("a request for input without room for it")
        return chain

    def receive_break(self) -> None:
        """This console has no breaks."""

    def receive(self, data: bytes) -> None:
        """Input, at most what `can_receive` said."""
        chain, self._receiving = self._receiving, None
        if chain:
            self.complete(self.queues[RECEIVE], chain, chain.fill(data))
