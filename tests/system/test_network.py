"""Debian's kernel on a network: its driver, addresses by DHCP, TCP both ways, and two guests with each other."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pytcg.machine.errors import MachineError
from pytcg.machine.netdevs import libslirp
from tests.system.debian import Shell, debian, needs_debian

pytestmark = [pytest.mark.slow, needs_debian]

MODERN = ("-global", "virtio-mmio.force-legacy=off")
#: seconds for a guest to listen
PATIENCE = 60
LOCAL = "127.0.0.1"
SIZE = 50 << 20
DHCP = "udhcpc -i eth0 -n -q -s /etc/udhcpc/default.script"


@pytest.fixture
def slirp() -> None:
    try:
        libslirp.load()
    except MachineError as error:
        pytest.skip(f"not run: {error}")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """A server on the host's loopback that has one file, `data`."""
    (tmp_path / "data").write_bytes(random.Random(1).randbytes(SIZE))
    with ThreadingHTTPServer((LOCAL, 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def free_port() -> int:
    with socket.create_server((LOCAL, 0)) as one:
        port: int = one.getsockname()[1]
        return port


def bring_up(shell: Shell) -> None:
    """Load the driver, and bring the link up."""
    mounts = ("mkdir -p /proc /sys", "mount -t proc proc /proc", "mount -t sysfs sysfs /sys")
    for command in (*mounts, "modprobe virtio_mmio", "modprobe virtio_net", "ip link set eth0 up"):
        assert shell.answer(command) == ""


def talk(port: int, text: str) -> str:
    """Send a line to the guest, and have one from it. Until it listens, it ends each connection."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.create_connection((LOCAL, port)) as client, suppress(ConnectionError):
            client.sendall(text.encode())
            if line := client.makefile().readline():
                return line
        time.sleep(0.2)
    raise AssertionError("the guest does not listen")


@pytest.mark.usefixtures("slirp")
@pytest.mark.parametrize("transport", [(), MODERN], ids=["legacy", "modern"])
def test_the_user_network(server: ThreadingHTTPServer, tmp_path: Path, transport: tuple[str, ...]) -> None:
    port = free_port()
    with debian("-nic", f"user,hostfwd=tcp:{LOCAL}:{port}-:7", *transport) as shell:
        bring_up(shell)
        assert "lease of 10.0.2.15 obtained from 10.0.2.2" in shell.answer(DHCP)
        assert " 0% packet loss" in shell.answer("ping -c 2 10.0.2.2")
        url = f"http://10.0.2.2:{server.server_port}/data"
        digest = hashlib.sha256((tmp_path / "data").read_bytes()).hexdigest()
        assert digest in shell.answer(f"wget -qO - {url} | sha256sum")
        assert "inet6 fec0::5054:ff:fe12:3456/64" in shell.answer("ip -6 addr show eth0")
        shell.type("echo from the guest | nc -l -p 7")
        assert talk(port, "from the host\n") == "from the guest\n"
        assert shell.rest() == "from the host\n"
        shell.power_off()


@pytest.mark.parametrize("kind", ["stream", "socket"])
def test_two_guests(tmp_path: Path, kind: str) -> None:
    if kind == "stream":
        address = f"addr.type=unix,addr.path={tmp_path / 'wire'}"
        ends = (f"stream,server=on,{address}", f"stream,{address}")
    else:
        port = free_port()
        ends = (f"socket,listen={LOCAL}:{port}", f"socket,connect={LOCAL}:{port}")
    with debian("-nic", ends[0]) as first:
        bring_up(first)
        first.answer("ip addr add 10.0.0.1/24 dev eth0")
        with debian("-nic", f"{ends[1]},mac=52:54:00:12:34:57") as second:
            bring_up(second)
            second.answer("ip addr add 10.0.0.2/24 dev eth0")
            assert " 0% packet loss" in second.answer("ping -c 3 10.0.0.1")
            assert " 0% packet loss" in first.answer("ping -c 3 10.0.0.2")
            second.power_off()
        first.power_off()
