"""Ethernet frames in UDP datagrams: to one other machine, or to a multicast group of any number of them."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import IPv4Address

from pytcg.devices.network import MAX_FRAME, Network
from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.netdevs.backends import Datagrams

#: datagrams that are read at once before others get their turn
BURST = 64


class DatagramNetwork(Network):
    """Raises OSError where the sockets cannot be had.

    A group is sent to from a socket of its own, by whose address our own frames are known when they come back.
    """

    def __init__(self, backend: Datagrams, loop: EventLoop) -> None:
        super().__init__()
        self.loop = loop
        self.input = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.output = self.input
        try:
            if IPv4Address(socket.gethostbyname(backend.remote[0])).is_multicast:
                self._join(backend)
            else:
                self.input.bind(backend.local)
            self.output.connect(backend.remote)
        except OSError:
            self.close()
            raise
        self.own = None if self.output is self.input else self.output.getsockname()
        for one in (self.input, self.output):
            one.setblocking(False)
        self._read_on()

    def _join(self, backend: Datagrams) -> None:
        group, interface = (socket.inet_aton(socket.gethostbyname(host)) for host, _ in (backend.remote, backend.local))
        self.input.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.input.bind(backend.remote)
        self.input.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + interface)
        self.output = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.output.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        self.output.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)

    def send(self, frame: bytes) -> bool:
        try:
            self.output.send(frame)
        except BlockingIOError:
            self.loop.add_writer(self.output.fileno(), self._can_send)
            return False
        except OSError:
            # nobody there, or too long for a datagram: as on a real wire, it is lost
            pass
        return True

    def accept_input(self) -> None:
        if self.deliver():
            self._read_on()

    def close(self) -> None:
        for one in {self.input, self.output}:
            if one.fileno() >= 0:
                self.loop.remove_reader(one.fileno())
                self.loop.remove_writer(one.fileno())
            one.close()

    def _read_on(self) -> None:
        self.loop.add_reader(self.input.fileno(), self._receive)

    def _receive(self) -> None:
        for _ in range(BURST):
            if self.waiting:
                self.loop.remove_reader(self.input.fileno())
                return
            with suppress(ConnectionRefusedError):
                try:
                    frame, sender = self.input.recvfrom(MAX_FRAME)
                except BlockingIOError:
                    return
                if sender != self.own:
                    self.hold(frame)
                    self.deliver()

    def _can_send(self) -> None:
        self.loop.remove_writer(self.output.fileno())
        if self.card:
            self.card.can_send()
