"""The networks of a machine by id: opened from the options, each for one card, closed at the end."""

from __future__ import annotations


from pytcg.devices.network import Network
from pytcg.exec.eventloop import EventLoop
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.netdevs.backends import Backend, Datagrams, Netdev, User, Wire


class Netdevs:
    """Opens a network when a card takes it. Those that are opened are the cards' to close."""

    def __init__(self, netdevs: tuple[Netdev, ...], loop: EventLoop) -> None:
        self.loop = loop
        self.backends: dict[str, Backend] = {}
        self.taken: set[str] = set()
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

    def without_peer(self) -> list[str]:
        """The ids that no card has taken."""
        return [name for name in self.backends if name not in self.taken]

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
