"""Virtio network card.

Source: Virtual I/O Device (VIRTIO) specification 1.2, section 5.1. Checksums and segments are left to the driver.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import Any

from pytcg.devices.network import MAX_FRAME, Network
from pytcg.devices.virtio.device import DEFAULT_QUEUE_SIZE, DRIVER_OK, VERSION_1, Host, VirtioDevice
from pytcg.devices.virtio.net_filter import ADDRESS_BYTES, Filter
from pytcg.devices.virtio.queue import Chain, DriverError, Virtqueue

RECEIVE, TRANSMIT, CONTROL = 0, 1, 2
CONTROL_QUEUE_SIZE = 64
MTU, MAC, MERGEABLE, STATUS, CONTROL_QUEUE, CONTROL_RX, CONTROL_RX_EXTRA, CONTROL_MAC = (
    1 << bit for bit in (3, 5, 15, 16, 17, 18, 20, 23)
)
#: the features that the user can withhold
OPTIONAL = MERGEABLE | STATUS | CONTROL_QUEUE | CONTROL_RX | CONTROL_RX_EXTRA | CONTROL_MAC
LINK_UP = 1
#: MAC address, status, number of pairs of queues, MTU
CONFIG = struct.Struct("<6sHHH")
#: flags, segmentation type, header length, segment size, start and offset of a checksum: none of which is in use
SHORT_HEADER = struct.Struct("<BBHHHH")
#: the same and the number of buffers
HEADER = struct.Struct("<BBHHHHH")
#: bytes of a command's header: class and command
COMMAND_BYTES = 2
OK, ERROR = 0, 1
#: bytes of a frame's header, the least that is a frame
ETHERNET_HEADER = 14
#: frames that are sent at once before others get their turn
BURST = 256


class VirtioNet(VirtioDevice):
    """A card on a network. Frames are moved in the event loop, never on the thread of a vCPU.

    `optional`: those of the OPTIONAL features that are offered; `mtu`: what the driver is told, 0 for nothing.
    """

    device_id = 1

    def __init__(
        self,
        host: Host,
        network: Network,
        address: bytes,
        optional: int = OPTIONAL,
        mtu: int = 0,
        receive_size: int = DEFAULT_QUEUE_SIZE,
        transmit_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        self.network = network
        self.address = address
        self.mtu = mtu
        self.link = True
        self._features = MAC | optional | (MTU if mtu else 0)
        self.queue_sizes = (receive_size, transmit_size, CONTROL_QUEUE_SIZE)[: 3 if optional & CONTROL_QUEUE else 2]
        super().__init__(host)
        network.connect(self)

    @property
    def features(self) -> int:
        return self._features

    def reset(self) -> None:
        super().reset()
        self.filter = Filter(self.address)

    def stop(self) -> None:
        #: queues that are looked at in the next turn of the event loop
        self._due: set[int] = set()
        #: requests for input that no frame has come for yet
        self._rooms: list[Chain] = []
        #: a frame that the network has not taken yet, and its request
        self._sending: tuple[Chain, bytes] | None = None

    def close(self) -> None:
        self.network.close()

    def save(self) -> dict[str, Any]:
        return {**super().save(), "filter": self.filter.save()}

    def restore(self, saved: dict[str, Any]) -> None:
        values = dict(saved)
        self.filter.restore(values.pop("filter"))
        super().restore(values)

    def config(self) -> bytes:
        return CONFIG.pack(self.filter.address, LINK_UP if self.link else 0, 1, self.mtu)

    def write_config(self, offset: int, data: bytes) -> None:
        """A driver from before virtio 1 sets its address so (section 5.1.4.3)."""
        if offset + len(data) <= ADDRESS_BYTES and not self.has(VERSION_1 | CONTROL_MAC):
            old = self.filter.address
            self.filter.address = old[:offset] + data + old[offset + len(data) :]

    def set_link(self, up: bool) -> None:
        """Plug the cable in or out."""
        if up != self.link:
            self.link = up
            if self.has(STATUS):
                self.config_changed()

    def handle(self, queue: Virtqueue) -> None:
        if queue.index == CONTROL:
            while chain := queue.pop():
                self._control(queue, chain)
        elif queue.index not in self._due:
            self._due.add(queue.index)
            self.host.loop.call_soon(partial(self._turn, queue))

    def _turn(self, queue: Virtqueue) -> None:
        """In the event loop: see to a queue of frames, unless the device was reset meanwhile."""
        if queue.index in self._due:
            self._due.discard(queue.index)
            if queue.index == RECEIVE:
                self.network.accept_input()
            else:
                self.can_send()

    def can_send(self) -> None:
        """The network takes frames."""
        if self.running:
            try:
                self._transmit(self.queues[TRANSMIT])
            except DriverError as error:
                self.fail(error)

    def _transmit(self, queue: Virtqueue) -> None:
        for _ in range(BURST):
            if not self._sending:
                chain = queue.pop()
                if not chain:
                    return
                self._sending = chain, self._frame(chain)
            chain, frame = self._sending
            if frame and self.link and not self.network.send(frame):
                return
            self._sending = None
            self.complete(queue, chain, 0)
        self.handle(queue)

    def _frame(self, chain: Chain) -> bytes:
        """The frame in a request; nothing where it is none. Raises DriverError."""
        size = self._header_size
        if len(chain.read(size)) < size:
            raise DriverError("a frame without the header before it")
        frame = chain.read(MAX_FRAME + 1)
        return frame if ETHERNET_HEADER <= len(frame) <= MAX_FRAME else b""

    @property
    def _header_size(self) -> int:
        return HEADER.size if self.has(VERSION_1 | MERGEABLE) else SHORT_HEADER.size

    def receive(self, frame: bytes) -> bool:
        """A frame from the network; False where the driver has given no room for it yet."""
        started = self.status & DRIVER_OK and self.running
        if not started or not self.link or not ETHERNET_HEADER <= len(frame) <= MAX_FRAME:
            return True
        if not self.filter.takes(frame):
            return True
        try:
            return self._place(frame)
        except DriverError as error:
            self.fail(error)
            return True

    def _place(self, frame: bytes) -> bool:
        queue, rooms, merge = self.queues[RECEIVE], self._rooms, self.has(MERGEABLE)
        needed = self._header_size + len(frame)
        count = room = 0
        while room < needed and (merge or not count):
            if count == len(rooms):
                chain = queue.pop()
                if not chain:
                    return False
                if not chain.writable:
                    raise DriverError("a request for a frame without room for it")
                rooms.append(chain)
            room += rooms[count].room
            count += 1
        if room < needed:
            # too long for a driver that wants each frame in one piece
            return True
        data = HEADER.pack(0, 0, 0, 0, 0, 0, count)[: self._header_size] + frame
        done = []
        for chain in rooms[:count]:
            written = chain.fill(data)
            data = data[written:]
            done.append((chain, written))
        del rooms[:count]
        self.complete_all(queue, *done)
        return True

    def _control(self, queue: Virtqueue, chain: Chain) -> None:
        """Carry out a command."""
        head = chain.read(COMMAND_BYTES)
        if len(head) < COMMAND_BYTES or not chain.writable:
            raise DriverError("a command without a header, or without room for its status")
        done = self.filter.command(head[0], head[1], chain.read(MAX_FRAME))
        self.complete(queue, chain, chain.fill(bytes([OK if done else ERROR])))
