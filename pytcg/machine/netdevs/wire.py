"""A network of two: Ethernet frames on a TCP or Unix connection, each after its length in 32 bits, big-endian.

It is how QEMU's `socket` and `stream` networks speak, and passt.
"""

from __future__ import annotations

import logging
import struct

from pytcg.devices.network import MAX_FRAME, Network
from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.backends import Socket
from pytcg.machine.chardevs.sockets import SocketStream

log = logging.getLogger("pytcg")

LENGTH = struct.Struct(">I")
#: bytes that are read at once
READ_SIZE = 1 << 16


class WireNetwork(Network):
    """One connection at a time; frames sent without one are lost. Raises OSError where the socket cannot be had.

    While the guest has no room, nothing is read, which holds the other end up.
    """

    def __init__(self, socket: Socket, loop: EventLoop) -> None:
        super().__init__()
        self._partial = b""
        self.stream = SocketStream(socket, loop)
        # a frame is not one byte of many, and who sent it waits for the answer
        self.stream.gather_ns = 0
        self.stream.on_disconnect = self._forget
        self.stream.connect(self)
        self.stream.accept_input()

    def send(self, frame: bytes) -> bool:
        data = LENGTH.pack(len(frame)) + frame
        if self.stream.room() < len(data):
            return False
        self.stream.write(data)
        return True

    def accept_input(self) -> None:
        if self.deliver():
            self.stream.accept_input()

    def close(self) -> None:
        self.stream.hurry()
        self.stream.close()

    def can_send(self) -> None:
        """The connection has room again."""
        if self.card:
            self.card.can_send()

    def can_receive(self) -> int:
        """How many bytes of frames are wanted."""
        return 0 if self.waiting else READ_SIZE

    def receive_break(self) -> None:
        """Connections have no breaks."""

    def receive(self, data: bytes) -> None:
        """Some bytes from the other end."""
        data = self._partial + data
        at, start = 0, LENGTH.size
        while start <= len(data):
            (size,) = LENGTH.unpack_from(data, at)
            if size > MAX_FRAME:
                log.warning("a network connection is closed: its other end sent a frame of %d bytes", size)
                self.stream.input_ended()
                return
            if start + size > len(data):
                break
            self.hold(data[start : start + size])
            at, start = start + size, start + size + LENGTH.size
        self._partial = data[at:]
        self.deliver()

    def _forget(self) -> None:
        self._partial = b""
