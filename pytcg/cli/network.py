"""Reads -netdev, -nic and -net, as QEMU spells them. All raise MachineError for what they cannot read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from ipaddress import AddressValueError, IPv4Address
from typing import Any, NamedTuple

from pytcg.cli.console import check_socket
from pytcg.cli.parse import Answer
from pytcg.cli.values import integer, items, only, properties, switch
from pytcg.machine.chardevs.backends import Socket
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.netdevs.addresses import forwarding
from pytcg.machine.netdevs.backends import Backend, Datagrams, Netdev, User, Wire
from pytcg.machine.options import DeviceSpec, Options

CARD = "virtio-net-device"
#: what model= of -nic and -net nic may be
MODELS = (CARD, "virtio-net", "virtio")
#: id of the one network of -net
ONLY = "net0"
SECOND_MS = 1000
#: the property of a user network that may be given several times
FORWARD = "hostfwd"

Items = Sequence[tuple[str, str]]


def _user(option: str, given: Items) -> Backend:
    values: dict[str, Any] = {}
    for field in fields(User):
        texts = [text for name, text in given if name == field.name]
        if texts and isinstance(field.default, bool):
            values[field.name] = switch(f"{option},{field.name}", texts[-1])
        elif texts:
            values[field.name] = tuple(map(forwarding, texts)) if field.name == FORWARD else texts[-1]
    return User(**values)


def _socket(option: str, given: Items) -> Backend:
    """A connection, or datagrams, in the older spelling."""
    found = dict(given)
    ways = [way for way in ("listen", "connect", "mcast", "udp") if way in found]
    if len(ways) != 1:
        raise MachineError(f"{option}: it needs one of listen=, connect=, mcast= and udp=")
    (way,) = ways
    host, port = _host_and_port(f"{option},{way}", found[way])
    local = found.get("localaddr", "")
    if way == "udp":
        return Datagrams((host, port), _host_and_port(f"{option},localaddr", local))
    if way == "mcast":
        return _group(option, host, port, local)
    return Wire(Socket(host, str(port), server=way == "listen", wait=False))


def _stream(option: str, given: Items) -> Backend:
    found = dict(given)
    kind = found.get("addr.type", "")
    only(f"{option},addr.type", kind, ("inet", "unix"))
    ms = integer(f"{option},reconnect-ms", found.get("reconnect-ms", "0"))
    seconds = integer(f"{option},reconnect", found.get("reconnect", "0")) or -(-ms // SECOND_MS)
    socket = Socket(
        found.get("addr.host", "") if kind == "inet" else "",
        found.get("addr.port", "") if kind == "inet" else "",
        found.get("addr.path", "") if kind == "unix" else "",
        switch(f"{option},server", found.get("server", "off")),
        wait=False,
        reconnect=seconds,
    )
    check_socket(option, socket)
    return Wire(socket)


def _datagrams(option: str, given: Items) -> Backend:
    found = dict(given)
    for end in ("remote", "local"):
        only(f"{option},{end}.type", found.get(f"{end}.type", "inet"), ("inet",))
    host, port = _port(option, found.get("remote.host", ""), found.get("remote.port", ""))
    if _is_group(host):
        return _group(option, host, port, found.get("local.host", ""))
    return Datagrams((host, port), _port(option, found.get("local.host", ""), found.get("local.port", "")))


class Kind(NamedTuple):
    """A kind of network as the command line has it."""

    help: str
    properties: tuple[str, ...]
    make: Callable[[str, Items], Backend]


KINDS = {
    "user": Kind(User.__doc__ or "", tuple(field.name for field in fields(User)), _user),
    "socket": Kind(
        "frames on a TCP connection (listen=|connect=HOST:PORT) or in datagrams (mcast=|udp=HOST:PORT)",
        ("listen", "connect", "mcast", "udp", "localaddr"),
        _socket,
    ),
    "stream": Kind(
        Wire.__doc__ or "",
        ("server", "addr.type", "addr.host", "addr.port", "addr.path", "reconnect", "reconnect-ms"),
        _stream,
    ),
    "dgram": Kind(
        Datagrams.__doc__ or "",
        ("local.type", "local.host", "local.port", "remote.type", "remote.host", "remote.port"),
        _datagrams,
    ),
}


def add_netdev(options: Options, text: str) -> Options:
    """-netdev KIND,id=ID,..."""
    _answer(text, "-netdev KIND,id=ID")
    backend, rest = _backend("-netdev", text, ("id",))
    if not rest.get("id"):
        raise MachineError(f"-netdev {text}: it needs id=")
    return _with(options, rest["id"], backend)


def add_nic(options: Options, text: str) -> Options:
    """-nic KIND,...: a network and the card on it."""
    _answer(text, "-nic KIND[,model=][,mac=]")
    if text == "none":
        return options
    backend, rest = _backend("-nic", text, ("id", "model", "mac"))
    name = rest.get("id") or f"nic{len(options.netdevs)}"
    return _card("-nic", _with(options, name, backend), name, rest.get("model", CARD), rest.get("mac"))


def add_net(options: Options, text: str) -> Options:
    """-net KIND,... and -net nic,...: the one network of old, and its card."""
    _answer(text, "-net nic[,model=][,macaddr=], and -net KIND")
    if text == "none":
        return options
    if text.partition(",")[0] == "nic":
        found = properties("-net nic", text, ("model", "macaddr", "netdev"), "kind")
        return _card("-net nic", options, found.get("netdev", ONLY), found.get("model", CARD), found.get("macaddr"))
    backend, _ = _backend("-net", text, ())
    return _with(options, ONLY, backend)


def _answer(text: str, form: str) -> None:
    if text in ("help", "?"):
        width = max(map(len, KINDS)) + 2
        lines = [f"{name:<{width}}{kind.help}" for name, kind in KINDS.items()]
        raise Answer("\n".join([f"Networks of {form}:", *lines]))


def _backend(option: str, text: str, more: tuple[str, ...]) -> tuple[Backend, dict[str, str]]:
    """The network that a text asks for, and its other properties."""
    name = text.partition(",")[0].removeprefix("type=")
    if name not in KINDS:
        raise MachineError(f"{option} {name}: there is no such network{suggestion(name, KINDS)}: help lists them")
    kind = KINDS[name]
    given = items(f"{option} {name}", text, (*kind.properties, *more, "type"), "type")
    return kind.make(f"{option} {name}", given), {name: value for name, value in given if name in more}


def _with(options: Options, name: str, backend: Backend) -> Options:
    return replace(options, netdevs=(*options.netdevs, Netdev(name, backend)))


def _card(option: str, options: Options, netdev: str, model: str, mac: str | None) -> Options:
    only(f"{option},model", model, MODELS)
    values = (("netdev", netdev), *((("mac", mac),) if mac else ()))
    return replace(options, devices=(*options.devices, DeviceSpec(CARD, values)))


def _host_and_port(option: str, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        raise MachineError(f"{option}={text}: an address is HOST:PORT")
    return _port(option, host.strip("[]"), port)


def _port(option: str, host: str, port: str) -> tuple[str, int]:
    if not (port.isdecimal() and int(port) < 1 << 16):
        raise MachineError(f"{option}: {port!r} is not a port")
    return host, int(port)


def _is_group(host: str) -> bool:
    try:
        return IPv4Address(host).is_multicast
    except AddressValueError:
        return False


def _group(option: str, host: str, port: int, interface: str) -> Datagrams:
    if not _is_group(host):
        raise MachineError(f"{option}: {host!r} is not the address of a multicast group, such as 230.0.0.1")
    return Datagrams((host, port), (interface or "0.0.0.0", 0))
