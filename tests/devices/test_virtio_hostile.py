"""Drivers that break the rules of virtqueues: each device stops until it is reset, and then works again."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from pytcg.block.image import RawImage
from pytcg.devices.virtio.blk import IN, VirtioBlk
from pytcg.devices.virtio.console import RECEIVE, TRANSMIT, VirtioConsole
from pytcg.devices.virtio.device import INDIRECT_DESC, NEEDS_RESET, Host, VirtioDevice
from pytcg.devices.virtio.net import VirtioNet
from pytcg.devices.virtio.rng import VirtioRng
from tests.devices.fakes import FakeChardev
from tests.devices.test_virtio_net import ADDRESS, FakeNetwork, frame
from tests.devices.virtio_driver import BUFFERS, HOSTILE, ISR, NOTIFY, STATUS, WRITE, Bench, Descriptor

#: a request for sector 1 of a disk; a frame behind its header without VIRTIO_NET_F_MRG_RXBUF
READ, FRAME = struct.pack("<IIQ", IN, 0, 1), bytes(10) + frame(b"text")


def console(host: Host) -> VirtioDevice:
    """One with input that waits."""
    device, chardev = VirtioConsole(host), FakeChardev()
    device.attach(chardev)
    chardev.give(b"typed")
    return device


#: what makes a device, one of its queues, and the buffers of a good request there
QUEUES: dict[str, tuple[Callable[[Host], VirtioDevice], int, tuple[bytes | int, ...]]] = {
    "random": (VirtioRng, 0, (8,)),
    "console in": (console, RECEIVE, (8,)),
    "console out": (console, TRANSMIT, (b"text",)),
    "card out": (lambda host: VirtioNet(host, FakeNetwork(), ADDRESS), TRANSMIT, (FRAME,)),
    "disk": (lambda host: VirtioBlk(host, RawImage(Path("disk"), locking=False)), 0, (READ, 512, 1)),
}
#: what is wrong for those queues alone that are written to
IN_ONLY = "nothing to write"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the disk's image."""
    monkeypatch.chdir(tmp_path)
    Path("disk").write_bytes(bytes(5120))


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize(
    ("queue", "rows"),
    [
        pytest.param(queue, rows, id=f"{queue}: {name}")
        for queue in QUEUES
        for name, rows in HOSTILE.items()
        if name != IN_ONLY or not queue.endswith("out")
    ],
)
def test_what_breaks_a_rule_stops_the_device_until_a_reset(
    legacy: bool, rows: tuple[Descriptor, ...], queue: str
) -> None:
    make, number, good = QUEUES[queue]
    board = Bench(make, legacy)
    board.start(features=INDIRECT_DESC, queue=number)
    board.describe(*rows)
    board.offer(0)
    board.notify()
    assert board.read(STATUS) & NEEDS_RESET
    assert board.read(ISR) == 2 and board.line.level, "a configuration change is how the driver hears of it"
    assert board.done() == []
    board.send(*good)
    assert board.done() == [], "nothing is served until the reset"
    board.write(STATUS, 15)
    assert board.read(STATUS) & NEEDS_RESET, "no write but zero takes it away"
    board.start(queue=number)
    board.send(*good)
    assert len(board.done()) == 1 and not board.read(STATUS) & NEEDS_RESET
    board.device.close()


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("ahead", [9, 0x8000, 0xFFFF])
def test_an_available_index_that_runs_ahead(queue: str, ahead: int) -> None:
    make, number, good = QUEUES[queue]
    board = Bench(make)
    board.start(queue=number)
    board.describe((BUFFERS, 8, WRITE, 0))
    board.poke(board.available + 2, struct.pack("<H", ahead))
    board.write(NOTIFY, number)
    assert board.read(STATUS) & NEEDS_RESET and board.done() == []
    board.start(queue=number)
    board.send(*good)
    assert len(board.done()) == 1
    board.device.close()
