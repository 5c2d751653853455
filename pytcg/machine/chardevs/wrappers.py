"""Chardevs that lead to no descriptor of their own: a ring buffer, and one that records another's output."""

from __future__ import annotations

from typing import BinaryIO

from pytcg.devices.chardev import Chardev, NullChardev, SerialPort


class RingBuffer(NullChardev):
    """Keeps the last `size` bytes of output, to be read and written by the monitor."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.held = bytearray()
        self.inbox = bytearray()

    def write(self, data: bytes) -> None:
        self.held += data
        del self.held[: max(len(self.held) - self.size, 0)]

    def read(self, size: int) -> bytes:
        """Take up to `size` bytes of the guest's output, oldest first."""
        data = bytes(self.held[:size])
        del self.held[:size]
        return data

    def feed(self, data: bytes) -> None:
        """Give the guest input."""
        self.inbox += data
        self.accept_input()

    def accept_input(self) -> None:
        while self.inbox and self.port and (count := self.port.can_receive()):
            data = bytes(self.inbox[:count])
            del self.inbox[:count]
            self.port.receive(data)

    def unread(self, data: bytes) -> None:
        self.inbox[:0] = data


class Recorded(Chardev):
    """Another chardev, whose output also goes into a file."""

    def __init__(self, chardev: Chardev, file: BinaryIO) -> None:
        self.chardev = chardev
        self.file = file

    @property
    def place(self) -> str:
        return self.chardev.place

    @property
    def on_terminal(self) -> bool:
        return self.chardev.on_terminal

    def connect(self, port: SerialPort) -> None:
        self.chardev.connect(port)

    def room(self) -> int:
        return self.chardev.room()

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.chardev.write(data)

    def accept_input(self) -> None:
        self.chardev.accept_input()

    def unread(self, data: bytes) -> None:
        self.chardev.unread(data)

    def hurry(self) -> None:
        self.chardev.hurry()

    def close(self) -> None:
        self.chardev.close()
        self.file.close()
