"""Networks: the host's end of a network card, as a chardev is that of a serial port."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Protocol

#: bytes of an Ethernet frame, without preamble and checksum: with its length in 32 bits before it, it fits in 64 KiB
MAX_FRAME = (1 << 16) - 4
#: frames that are held for a guest that has no room; as on a real wire, what comes on top is lost
MAX_WAITING = 1024


class NetworkCard(Protocol):
    """The guest's end: what a network calls, with the machine's lock held."""

    def receive(self, frame: bytes) -> bool:
        """A frame for the guest; False where there is no room, until the card calls `accept_input`."""
        ...

    def can_send(self) -> None:
        """The network takes frames again after `send` has refused one."""
        ...


class Network(ABC):
    """The host's end. A card calls these methods with the machine's lock held."""

    def __init__(self) -> None:
        self.card: NetworkCard | None = None
        #: frames that the card has not had room for
        self.waiting: deque[bytes] = deque()

    def connect(self, card: NetworkCard) -> None:
        """Make `card` the guest's end."""
        self.card = card

    @abstractmethod
    def send(self, frame: bytes) -> bool:
        """Send a frame of the guest's; never blocks. False where there is no room, until the card's `can_send`."""

    def accept_input(self) -> None:
        """The card has room for frames again."""
        self.deliver()

    def hold(self, frame: bytes) -> None:
        """Keep a frame for the card, if there is place for it."""
        if len(self.waiting) < MAX_WAITING:
            self.waiting.append(frame)

    def deliver(self) -> bool:
        """Bring the card what waits, as far as it has room; whether nothing waits any more."""
        waiting = self.waiting
        while waiting and (self.card is None or self.card.receive(waiting[0])):
            waiting.popleft()
        return not waiting

    @abstractmethod
    def close(self) -> None:
        """Let go of the host's resources."""


class Unplugged(Network):
    """A cable that leads nowhere."""

    def send(self, frame: bytes) -> bool:
        return True

    def close(self) -> None:
        """There is nothing to let go of."""
