"""The networks of a machine by id: opened from the options, each for one card, closed at the end."""

from __future__ import annotations

from itertools import count

from pytcg.devices.network import Network
from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.netdevs.backends import Backend, Datagrams, Netdev, User, Wire

#: the MAC address of a first card, as QEMU has it
FIRST_ADDRESS = 0x525400123456


class Netdevs:
    """Opens a network when a card takes it. Those that are opened are the cards' to close."""

    def __init__(self, netdevs: tuple[Netdev, ...], loop: EventLoop) -> None:
        self.loop = loop
        self.backends: dict[str, Backend] = {}
        self.taken: set[str] = set()
        self._addresses: set[bytes] = set()
        for netdev in netdevs:
            if netdev.id in self.backends:
                raise MachineError(f"there are two networks with the id {netdev.id}")
            self.backends[netdev.id] = netdev.backend

    def take(self, name: str) -> Network:
        """The network of an id, for one card. Raises MachineError for what there is not, or cannot be opened."""
        if name not in self.backends:
            raise MachineError(f"no -netdev has id={name}{suggestion(name, self.backends)}")
        if name in self.taken:
            raise MachineError(f"netdev {name} is in use by another device")
        self.taken.add(name)
        backend = self.backends[name]
        try:
            return self._open(backend)
        except OSError as error:
            at = backend.socket.address if isinstance(backend, Wire) else "its addresses"
            raise MachineError(f"netdev {name}: cannot open {at}: {error.strerror or error}") from None

    def unused(self) -> list[str]:
        """The ids that no card has taken."""
        return [name for name in self.backends if name not in self.taken]

    def address(self, given: bytes) -> bytes:
        """The MAC address of a card: the one given, or the first that none has."""
        addresses = (FIRST_ADDRESS + number for number in count())
        free = (one for address in addresses if (one := address.to_bytes(6, "big")) not in self._addresses)
        found = given or next(free)
        self._addresses.add(found)
        return found

    def _open(self, backend: Backend) -> Network:
        """Modules are imported as they are needed: most runs have no network."""
        match backend:
            case User():
                from pytcg.machine.netdevs.slirp import UserNetwork

                return UserNetwork(backend, self.loop)
            case Wire():
                from pytcg.machine.netdevs.wire import WireNetwork

                return WireNetwork(backend.socket, self.loop)
            case Datagrams():
                from pytcg.machine.netdevs.datagrams import DatagramNetwork

                return DatagramNetwork(backend, self.loop)
