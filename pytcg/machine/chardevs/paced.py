"""Input for a run that goes by executed instructions: it comes in guest time, and output never holds the guest up."""

from __future__ import annotations

from pytcg.devices.chardev import Chardev, SerialPort
from pytcg.devices.wiring import Clock, Loop

#: input is read so far ahead of the guest: what is there at the start comes at the same time in every run
READ_AHEAD = 1 << 20
ROOM = 1 << 16
#: guest time from the moment when the port has a place for input to when it comes: a character at 115200 baud
CHARACTER_NS = 86_805


class Paced(Chardev):
    """Stands between a port and its chardev."""

    def __init__(self, chardev: Chardev, clock: Clock, loop: Loop) -> None:
        self.chardev = chardev
        self.clock = clock
        self.inbox = bytearray()
        self.timer = loop.timer(self._deliver)

    def connect(self, port: SerialPort) -> None:
        super().connect(port)
        self.chardev.connect(self)
        self.chardev.accept_input()

    def room(self) -> int:
        return ROOM

    def write(self, data: bytes) -> None:
        self.chardev.write(data)

    def accept_input(self) -> None:
        if self.inbox:
            self.timer.arm(self.clock.deadline_ns(self.clock.ns() + CHARACTER_NS))

    def unread(self, data: bytes) -> None:
        self.inbox[:0] = data

    def hurry(self) -> None:
        self.chardev.hurry()

    def close(self) -> None:
        self.chardev.close()

    # the port's side, for the chardev

    def can_receive(self) -> int:
        return max(READ_AHEAD - len(self.inbox), 0)

    def receive(self, data: bytes) -> None:
        self.inbox += data
        self.accept_input()

    def receive_break(self) -> None:
        if self.port:
            self.port.receive_break()

    def can_send(self) -> None:
        """The guest was never held up."""

    def _deliver(self) -> None:
        if self.port and (count := self.port.can_receive()):
            data = bytes(self.inbox[:count])
            del self.inbox[:count]
            self.port.receive(data)
        if self.inbox:
            self.chardev.accept_input()
