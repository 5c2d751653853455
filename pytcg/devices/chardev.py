"""Character devices: the host's end of a serial port (console, file, pseudo-terminal, socket, nothing)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol


class SerialPort(Protocol):
    """The guest's end: what a chardev calls, with the machine's lock held."""

    def can_receive(self) -> int:
        """How many bytes `receive` takes now."""
        ...

    def receive(self, data: bytes) -> None:
        """Bytes from the host, at most `can_receive()` of them."""
        ...

    def receive_break(self) -> None:
        """The host's end holds the line in a break."""
        ...

    def can_send(self) -> None:
        """The chardev has room again after `room()` was too small."""
        ...


class Chardev(ABC):
    """The host's end. A port calls these methods with the machine's lock held."""

    port: SerialPort | None = None
    hurried = False

    @property
    def place(self) -> str:
        """Where it leads on the host, as far as its options do not say."""
        return ""

    @property
    def on_terminal(self) -> bool:
        """Whether a person may be at the other end."""
        return True

    def connect(self, port: SerialPort) -> None:
        """Make `port` the guest's end; `accept_input` may be called from here on."""
        self.port = port

    @abstractmethod
    def room(self) -> int:
        """How many bytes `write` takes now."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send bytes to the host, at most `room()` of them; never blocks."""

    @abstractmethod
    def accept_input(self) -> None:
        """The port has room for input again; may call `receive` at once."""

    @abstractmethod
    def unread(self, data: bytes) -> None:
        """Take bytes back that the guest has not seen; they come again first."""

    def hurry(self) -> None:
        """The user wants an end: `close` is not to wait for a reader that takes nothing."""
        self.hurried = True

    @abstractmethod
    def close(self) -> None:
        """Send what is buffered and let go of the host's resources."""


class NullChardev(Chardev):
    """Takes everything, gives nothing."""

    def room(self) -> int:
        return 1 << 16

    def write(self, data: bytes) -> None:
        pass

    def accept_input(self) -> None:
        pass

    def unread(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass
