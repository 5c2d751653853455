"""The addresses of a user network, and what is forwarded into it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from pytcg.machine.errors import MachineError
from pytcg.machine.netdevs.backends import Forwarding, User

#: where in a network the host, the first address given away, and the name server are
HOST, GUEST, NAME_SERVER = 0x0202, 0x020F, 0x0203
#: bits of the network part of an address without them, by the first byte below which it holds: classes A, B, C
CLASSES = ((128, 8), (192, 16), (256, 24))
FORWARDING = re.compile(r"(tcp|udp|):([^:-]*):(\d+)-([^:-]*):(\d+)")
NOWHERE = IPv4Address(0)


@dataclass(frozen=True)
class Addresses:
    """Those of IPv4: the network, and in it the host, the first that DHCP gives away, and the name server."""

    network: IPv4Network
    host: IPv4Address
    guest: IPv4Address
    name_server: IPv4Address


def addresses(user: User) -> Addresses:
    """Raises MachineError for addresses that are none, or not in their network."""
    network = _network(user.net)
    given = (("host", user.host, HOST), ("dhcpstart", user.dhcpstart, GUEST), ("dns", user.dns, NAME_SERVER))
    found = []
    for name, text, usual in given:
        address = _address(name, text) if text else network.network_address + (usual & int(network.hostmask))
        if address not in network:
            raise MachineError(f"-netdev user,{name}={address} is not in the network {network}")
        found.append(address)
    host, guest, name_server = found
    if host in (guest, name_server):
        raise MachineError(f"-netdev user: the host at {host} needs an address of its own")
    return Addresses(network, host, guest, name_server)


def forwarding(text: str) -> Forwarding:
    """[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT. Raises MachineError."""
    match = FORWARDING.fullmatch(text)
    if not match:
        raise MachineError(f"hostfwd={text}: not [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT, as tcp::2222-:22")
    protocol, host, host_port, guest, guest_port = match.groups()
    ports = int(host_port), int(guest_port)
    if max(ports) >= 1 << 16 or not ports[1]:
        raise MachineError(f"hostfwd={text}: a port is a number from 1 to 65535")
    ends = [_address("hostfwd", address) if address else NOWHERE for address in (host, guest)]
    return Forwarding(protocol == "udp", ends[0], ports[0], ends[1], ports[1])


def _network(text: str) -> IPv4Network:
    address, slash, bits = text.partition("/")
    try:
        if not slash:
            first = IPv4Address(address).packed[0]
            bits = str(next(size for end, size in CLASSES if first < end))
        network = IPv4Network((address, int(bits) if bits.isdigit() else bits), strict=False)
    except ValueError:
        raise MachineError(f"-netdev user,net={text}: not a network such as 10.0.2.0/24") from None
    if network.prefixlen > 28:
        raise MachineError(f"-netdev user,net={text}: a network has 4 bits for its machines, at least")
    return network


def _address(name: str, text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise MachineError(f"-netdev user,{name}: {text!r} is not an IPv4 address") from None
