"""What a network card can be plugged into on the host, as values. `-netdev help` and the parser derive from the table.

The fields of a backend are its properties in QEMU's spelling (`_` for `-` and `.`), its docstring is its help.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from pytcg.machine.chardevs.backends import Socket


@dataclass(frozen=True)
class Forwarding:
    """A port of the host that leads to one of a guest."""

    udp: bool
    #: 0.0.0.0: all addresses of the host
    host: IPv4Address
    host_port: int
    #: 0.0.0.0: the first address that DHCP gives away
    guest: IPv4Address
    guest_port: int

    def __str__(self) -> str:
        return f"{'udp' if self.udp else 'tcp'}:{self.host}:{self.host_port}-{self.guest}:{self.guest_port}"


@dataclass(frozen=True)
class User:
    """a network of its own, behind the host's address: DHCP, DNS and TCP, UDP and ping to the outside, by libslirp"""

    ipv4: bool = True
    ipv6: bool = True
    #: the network, ADDRESS[/BITS]; and in it the host, the first address given away, and the name server
    net: str = "10.0.2.0/24"
    host: str = ""
    dhcpstart: str = ""
    dns: str = ""
    #: the guest reaches nothing but what is forwarded
    restrict: bool = False
    hostname: str = ""
    domainname: str = ""
    #: directory of the TFTP server, and the file that DHCP tells the guest to boot
    tftp: str = ""
    bootfile: str = ""
    hostfwd: tuple[Forwarding, ...] = ()


@dataclass(frozen=True)
class Datagrams:
    """frames in UDP datagrams: to a multicast group, which is a network of any size, or to one other"""

    #: address and port; the group's where it is one
    remote: tuple[str, int]
    #: where datagrams for us come to; of a group, the interface
    local: tuple[str, int]


@dataclass(frozen=True)
class Wire:
    """frames on a TCP or Unix connection, each after its length in 32 bits: to another machine, or to passt"""

    socket: Socket


Backend = User | Datagrams | Wire


@dataclass(frozen=True)
class Netdev:
    """One network."""

    id: str
    backend: Backend
