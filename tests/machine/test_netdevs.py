"""Networks: frames on connections and in datagrams, the user network, and who gets them."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

import pytest

from pytcg.devices.network import MAX_FRAME, Network
from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.backends import Socket
from pytcg.machine.errors import MachineError
from pytcg.machine.netdevs import libslirp
from pytcg.machine.netdevs.addresses import Addresses, addresses, forwarding
from pytcg.machine.netdevs.backends import Backend, Datagrams, Forwarding, Netdev, User, Wire
from pytcg.machine.netdevs.datagrams import DatagramNetwork
from pytcg.machine.netdevs.registry import Netdevs
from pytcg.machine.netdevs.slirp import PREFIX, UserNetwork
from pytcg.machine.netdevs.wire import WireNetwork

PATIENCE = 5.0
FRAMES = [bytes([number]) * size for number, size in enumerate((14, 60, 1514, MAX_FRAME))]
GUEST_MAC, HOST_MAC = bytes.fromhex("525400123456"), bytes.fromhex("525500000000")
GUEST, HOST = IPv4Address("10.0.2.15"), IPv4Address("10.0.2.2")
LOCAL = "127.0.0.1"


class Card:
    """A guest with room for so many frames."""

    def __init__(self, network: Network, room: int = 1 << 30) -> None:
        self.network = network
        self.room = room
        self.got: list[bytes] = []
        self.can_send_count = 0
        network.connect(self)

    def receive(self, frame: bytes) -> bool:
        if self.room:
            self.room -= 1
            self.got.append(frame)
            return True
        return False

    def can_send(self) -> None:
        self.can_send_count += 1


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    with EventLoop() as loop:
        yield loop


def turn(loop: EventLoop, until: Callable[[], bool]) -> None:
    """Run the loop until something is so."""
    end = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < end, "it does not come about"
        loop.timer(loop.stop).arm(time.monotonic_ns() + 2_000_000)
        loop.run()


def is_connected(network: Network) -> bool:
    """Datagrams need no connection."""
    return not isinstance(network, WireNetwork) or network.stream.connection is not None


def has(card: Card, count: int) -> bool:
    return len(card.got) == count


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind((LOCAL, 0))
        port: int = one.getsockname()[1]
        return port


def wire_ends(kind: str, tmp_path: Path) -> tuple[Backend, Backend]:
    """A server and a client of it."""
    if kind == "unix":
        path = str(tmp_path / "wire")
        return Wire(Socket(path=path, server=True, wait=False)), Wire(Socket(path=path))
    if kind == "tcp":
        port = str(free_port(socket.SOCK_STREAM))
        return Wire(Socket(LOCAL, port, server=True, wait=False)), Wire(Socket(LOCAL, port))
    if kind == "udp":
        ends = [(LOCAL, free_port()) for _ in range(2)]
        return Datagrams(ends[0], ends[1]), Datagrams(ends[1], ends[0])
    group = Datagrams(("230.0.0.1", free_port()), (LOCAL, 0))
    return group, group


@pytest.mark.parametrize("kind", ["unix", "tcp", "udp", "group"])
def test_two_guests_on_a_network(loop: EventLoop, tmp_path: Path, kind: str) -> None:
    backends = wire_ends(kind, tmp_path)
    netdevs = Netdevs(tuple(Netdev(str(number), backend) for number, backend in enumerate(backends)), loop)
    networks = [netdevs.take("0"), netdevs.take("1")]
    cards = [Card(network) for network in networks]
    turn(loop, lambda: is_connected(networks[0]))
    frames = FRAMES[:3]
    for number in (0, 1):
        assert all(networks[number].send(frame) for frame in frames)
        other = cards[1 - number]
        turn(loop, partial(has, other, len(frames)))
        assert other.got == frames
    assert has(cards[0], len(frames))
    for network in networks:
        network.close()
    assert not (tmp_path / "wire").exists()


@pytest.fixture
def wire(loop: EventLoop, tmp_path: Path) -> Iterator[tuple[Card, socket.socket]]:
    """A guest, and the other end of its connection."""
    network = WireNetwork(Socket(path=str(tmp_path / "wire"), server=True, wait=False), loop)
    card = Card(network)
    assert network.send(b"nobody hears this")
    with connect(tmp_path) as other:
        turn(loop, lambda: network.stream.connection is not None)
        yield card, other
    network.close()


def connect(tmp_path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(tmp_path / "wire"))
    client.setblocking(False)
    return client


def framed(*frames: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(frame)) + frame for frame in frames)


def test_frames_in_pieces(loop: EventLoop, wire: tuple[Card, socket.socket]) -> None:
    card, other = wire
    data = framed(*FRAMES)
    for start, end, count in ((0, 3, 0), (3, 5, 0), (5, 90, 2), (90, len(data), len(FRAMES))):
        send_all(loop, other, data[start:end])
        for _ in range(3):
            turn(loop, partial(has, card, count))
    assert card.got == FRAMES


def send_all(loop: EventLoop, other: socket.socket, data: bytes) -> None:
    """Send more than a socket takes at once."""
    rest = memoryview(data)

    def sent() -> bool:
        nonlocal rest
        try:
            rest = rest[other.send(rest) :]
        except BlockingIOError:
            return False
        return not rest

    turn(loop, sent)


def test_a_guest_without_room_holds_the_other_end_up(loop: EventLoop, wire: tuple[Card, socket.socket]) -> None:
    card, other = wire
    card.room = 0
    data = framed(bytes(1500)) * 64
    sent = 0
    with pytest.raises(BlockingIOError):
        while sent < 1 << 24:
            sent += other.send(data)
            for _ in range(5):
                loop.call_soon(loop.stop)
                loop.run()
    waiting = len(card.network.waiting)
    assert 0 < waiting < 100
    card.room = 10
    card.network.accept_input()
    assert len(card.got) == 10 and len(card.network.waiting) == waiting - 10
    card.room = 1 << 30
    card.network.accept_input()
    turn(loop, lambda: len(card.got) == sent // 1504)


def test_a_slow_other_end_holds_the_guest_up(loop: EventLoop, wire: tuple[Card, socket.socket]) -> None:
    card, other = wire
    count = 0

    def full() -> bool:
        nonlocal count
        while card.network.send(FRAMES[2]):
            count += 1
            loop.call_soon(loop.stop)
            loop.run()
        return True

    turn(loop, full)
    got = b""

    def read() -> bool:
        nonlocal got
        try:
            got += other.recv(1 << 16)
        except BlockingIOError:
            return False
        return len(got) == count * (4 + len(FRAMES[2]))

    before = card.can_send_count
    turn(loop, read)
    assert got == framed(FRAMES[2]) * count and card.can_send_count > before


def test_nonsense_ends_a_connection_and_the_next_starts_afresh(
    loop: EventLoop, tmp_path: Path, wire: tuple[Card, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    card, other = wire
    other.send(struct.pack(">I", MAX_FRAME + 1) + bytes(100))
    turn(loop, lambda: bool(caplog.records))
    assert "sent a frame of 65533 bytes" in caplog.text
    for text in (framed(FRAMES[0])[:9], framed(FRAMES[1])):
        with connect(tmp_path) as client:
            client.send(text)
            turn(loop, lambda: is_connected(card.network))
        turn(loop, lambda: not is_connected(card.network))
    assert card.got == [FRAMES[1]]


def test_datagrams_to_nobody_are_lost(loop: EventLoop) -> None:
    network = DatagramNetwork(Datagrams((LOCAL, free_port()), (LOCAL, 0)), loop)
    card = Card(network)
    for _ in range(3):
        assert network.send(FRAMES[1])
        turn(loop, lambda: True)
    assert card.got == []
    network.close()


def test_datagrams_wait_for_room(loop: EventLoop) -> None:
    ends = [(LOCAL, free_port()) for _ in range(2)]
    sender, network = DatagramNetwork(Datagrams(*ends), loop), DatagramNetwork(Datagrams(ends[1], ends[0]), loop)
    card = Card(network, room=0)
    for frame in FRAMES[:3]:
        assert sender.send(frame)
    turn(loop, lambda: len(network.waiting) == 1)
    card.room = 3
    network.accept_input()
    turn(loop, lambda: len(card.got) == 3)
    assert card.got == FRAMES[:3]
    for one in (sender, network):
        one.close()


@pytest.mark.parametrize(
    ("user", "found"),
    [
        (User(), ("10.0.2.0/24", "10.0.2.2", "10.0.2.15", "10.0.2.3")),
        (User(net="192.168.7.9"), ("192.168.7.0/24", "192.168.7.2", "192.168.7.15", "192.168.7.3")),
        (User(net="10.0.0.0"), ("10.0.0.0/8", "10.0.2.2", "10.0.2.15", "10.0.2.3")),
        (User(net="172.16.0.0/255.255.255.0"), ("172.16.0.0/24", "172.16.0.2", "172.16.0.15", "172.16.0.3")),
        (
            User(host="10.0.2.9", dhcpstart="10.0.2.20", dns="10.0.2.7"),
            ("10.0.2.0/24", "10.0.2.9", "10.0.2.20", "10.0.2.7"),
        ),
    ],
)
def test_addresses(user: User, found: tuple[str, str, str, str]) -> None:
    assert addresses(user) == Addresses(IPv4Network(found[0]), *map(IPv4Address, found[1:]))


@pytest.mark.parametrize(
    ("user", "message"),
    [
        (User(net="10.0.2.0/33"), "net=10.0.2.0/33: not a network"),
        (User(net="ten"), "net=ten: not a network"),
        (User(net="10.0.2.0/30"), "4 bits"),
        (User(host="10.0.3.2"), "host=10.0.3.2 is not in the network 10.0.2.0/24"),
        (User(dns="10.0.2"), "dns: '10.0.2' is not an IPv4 address"),
        (User(dhcpstart="10.0.2.2"), "the host at 10.0.2.2 needs an address of its own"),
    ],
)
def test_addresses_that_cannot_be(user: User, message: str) -> None:
    with pytest.raises(MachineError, match=message):
        addresses(user)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tcp::2222-:22", "tcp:0.0.0.0:2222-0.0.0.0:22"),
        (":127.0.0.1:0-10.0.2.16:65535", "tcp:127.0.0.1:0-10.0.2.16:65535"),
        ("udp::53-:53", "udp:0.0.0.0:53-0.0.0.0:53"),
    ],
)
def test_forwarding(text: str, found: str) -> None:
    assert str(forwarding(text)) == found


@pytest.mark.parametrize("text", ["", "tcp:22-:22", "icmp::1-:2", "tcp::65536-:1", "tcp::1-:0", "tcp:host:1-:2"])
def test_forwarding_that_cannot_be(text: str) -> None:
    with pytest.raises(MachineError, match="hostfwd"):
        forwarding(text)


def test_without_libslirp() -> None:
    with pytest.raises(MachineError, match=r"needs the library libslirp\.so\.99, which is not installed"):
        libslirp.load("libslirp.so.99")


class Guest(Card):
    """A guest with an IPv4 address that is known already."""

    def __init__(self, loop: EventLoop, *forwardings: Forwarding, room: int = 1 << 30) -> None:
        super().__init__(UserNetwork(User(hostfwd=forwardings), loop), room)
        self.loop = loop
        self.network.send(arp(1, GUEST_MAC, GUEST, HOST))

    def wait(self, kind: int, text: bytes) -> bytes:
        """The frame of a kind with a text in it; questions about our address are answered."""
        found: list[bytes] = []

        def come() -> bool:
            for frame in self.got:
                if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1":
                    self.network.send(arp(2, GUEST_MAC, GUEST, HOST))
            found.extend(frame for frame in self.got if frame[12:14] == kind.to_bytes(2, "big") and text in frame)
            self.got.clear()
            return bool(found)

        turn(self.loop, come)
        return found[0]


def arp(operation: int, sender: bytes, source: IPv4Address, target: IPv4Address) -> bytes:
    """RFC 826."""
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + sender + source.packed + bytes(6) + target.packed
    return b"\xff" * 6 + sender + b"\x08\x06" + body


def checksum(data: bytes) -> int:
    """RFC 1071."""
    return 0xFFFF - (sum(struct.unpack(f">{len(data) // 2}H", data)) % 0xFFFF)


def datagram(text: bytes, port: int, to: int) -> bytes:
    """A UDP datagram of the guest's to the host (RFC 768, without a checksum; RFC 791)."""
    udp = struct.pack(">HHHH", port, to, 8 + len(text), 0) + text
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + GUEST.packed + HOST.packed
    ip = ip[:10] + checksum(ip).to_bytes(2, "big") + ip[12:]
    return HOST_MAC + GUEST_MAC + b"\x08\x00" + ip + udp


@pytest.fixture(scope="module")
def slirp() -> None:
    try:
        libslirp.load()
    except MachineError as error:
        pytest.skip(f"not run: {error}")


@pytest.mark.usefixtures("slirp")
def test_the_host_answers(loop: EventLoop) -> None:
    guest = Guest(loop)
    answer = guest.wait(0x0806, HOST.packed)
    assert answer[20:22] == b"\0\2" and answer[28:32] == HOST.packed
    guest.network.close()


@pytest.mark.usefixtures("slirp")
def test_a_router_tells_the_network_of_ipv6(loop: EventLoop) -> None:
    """RFC 4861, sections 4.1 and 4.6.2: a solicitation, and the prefix in the advertisement."""
    guest = Guest(loop)
    guest.network.send(solicitation(IPv6Address("fe80::1")))
    assert b"\x03\x04\x40\xc0" in guest.wait(0x86DD, PREFIX.packed)
    guest.network.close()


def solicitation(source: IPv6Address) -> bytes:
    message = struct.pack(">BBHI", 133, 0, 0, 0) + b"\1\1" + GUEST_MAC
    ends = source.packed + IPv6Address("ff02::2").packed
    total = checksum(ends + struct.pack(">II", len(message), 58) + message).to_bytes(2, "big")
    message = message[:2] + total + message[4:]
    ip = struct.pack(">IHBB", 6 << 28, len(message), 58, 255) + ends
    return bytes.fromhex("333300000002") + GUEST_MAC + b"\x86\xdd" + ip + message


@pytest.mark.usefixtures("slirp")
def test_datagrams_reach_the_host_and_come_back(loop: EventLoop) -> None:
    guest = Guest(loop)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((LOCAL, 0))
        server.setblocking(False)
        loop.add_reader(
            server.fileno(), lambda: server.sendto(*(lambda data, at: (data.upper(), at))(*server.recvfrom(99)))
        )
        guest.network.send(datagram(b"hello", 1234, server.getsockname()[1]))
        answer = guest.wait(0x0800, b"HELLO")
        assert struct.unpack(">HH", answer[34:38]) == (server.getsockname()[1], 1234)
        loop.remove_reader(server.fileno())
    guest.network.close()


@pytest.mark.usefixtures("slirp")
def test_a_port_of_the_host_leads_to_the_guest(loop: EventLoop) -> None:
    port = free_port()
    rule = forwarding(f"udp:{LOCAL}:{port}-:7")
    guest = Guest(loop, rule)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"come in", (LOCAL, port))
        assert struct.unpack(">H", guest.wait(0x0800, b"come in")[36:38]) == (7,)
        with pytest.raises(MachineError, match=rf"hostfwd={rule}: the host does not give that port: Address already"):
            Guest(loop, rule)
    guest.network.close()


@pytest.mark.usefixtures("slirp")
def test_connections_are_not_looked_at_while_the_guest_has_no_room(loop: EventLoop) -> None:
    port = free_port()
    guest = Guest(loop, forwarding(f"udp:{LOCAL}:{port}-:7"))
    guest.wait(0x0806, HOST.packed)
    guest.room = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for number in range(200):
            client.sendto(b"number %d" % number, (LOCAL, port))
            turn(loop, lambda: True)
            loop.call_soon(loop.stop)
            loop.run()
    waiting = len(guest.network.waiting)
    assert 0 < waiting < 20
    guest.room = 1 << 30
    guest.network.accept_input()
    guest.wait(0x0800, b"number 20")
    guest.network.close()


def test_who_may_use_a_network(loop: EventLoop) -> None:
    netdevs = Netdevs((Netdev("one", Datagrams((LOCAL, free_port()), (LOCAL, 0))), Netdev("two", User())), loop)
    network = netdevs.take("one")
    with pytest.raises(MachineError, match="netdev one is in use by another device"):
        netdevs.take("one")
    with pytest.raises(MachineError, match=r"no -netdev has id=tow \(did you mean two\?\)"):
        netdevs.take("tow")
    with pytest.raises(MachineError, match="two networks with the id a"):
        Netdevs((Netdev("a", User()), Netdev("a", User())), loop)
    assert netdevs.unused() == ["two"]
    network.close()


def test_cards_get_addresses_of_their_own(loop: EventLoop) -> None:
    netdevs = Netdevs((), loop)
    second = bytes.fromhex("525400123457")
    assert netdevs.address(b"") == GUEST_MAC
    assert netdevs.address(second) == second
    assert netdevs.address(b"") == bytes.fromhex("525400123458")


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (Wire(Socket(path="/nowhere/x")), "netdev a: cannot open unix:/nowhere/x: No such file or directory"),
        (Datagrams(("230.0.0.1", 1234), ("192.0.2.1", 0)), "netdev a: cannot open its addresses: No such device"),
        (User(tftp="/nowhere"), "tftp=/nowhere: there is no such directory"),
    ],
)
def test_networks_that_cannot_be(loop: EventLoop, slirp: None, backend: Backend, message: str) -> None:
    with pytest.raises(MachineError, match=message):
        Netdevs((Netdev("a", backend),), loop).take("a")
