"""Drivers that break every rule of virtqueues: rings, descriptors and buffers that say anything, anywhere.

The devices are those that `-device` can put into a slot, from its table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.devices.virtio.device import DRIVER_OK, EVENT_IDX, FEATURES_OK, INDIRECT_DESC, VERSION_1
from pytcg.machine.machine import Machine
from pytcg.machine.models import MODELS
from pytcg.machine.options import DeviceSpec, Drive
from tests.devices.virtio_driver import (
    AREAS,
    BUFFERS,
    CHOSEN,
    CHOSEN_SEL,
    NOTIFY,
    NUM,
    QUEUE,
    RAM,
    READY,
    SEL,
    STATUS,
)
from tests.fuzz.machines import close, machine, turn
from tests.fuzz.values import RAM_SIZE, costly, numbers
from tests.machine.fakes import Factory

#: the highest slot of `virt`, which the first device is put into
SLOT = 0x10008000
SIZE = 8
#: queues that are set up, each with areas and buffers of its own
QUEUES = 3
ROOM = 0x2000
MODELS_IN_SLOTS = [model.name for model in MODELS if model.bus == "virtio-bus"]
#: what a device cannot do without
NEEDED = {"virtio-blk-device": (("drive", "disk"),)}
ADDRESSES = st.one_of(
    st.integers(0, 3).map(lambda n: BUFFERS + 24 * n),
    st.integers(0, 60).map(lambda n: QUEUE + 8 * n),
    st.sampled_from((0, SLOT, SLOT + NOTIFY, RAM - 8, RAM + RAM_SIZE - 8, RAM + RAM_SIZE, QUEUE + 0x1000)),
    numbers(64),
)
LENGTHS = st.one_of(st.sampled_from((0, 1, 12, 15, 16, 17, 32, 512, 513, RAM_SIZE // 2)), numbers(32))
DESCRIPTORS = st.tuples(ADDRESSES, LENGTHS, st.integers(0, 7), st.integers(0, SIZE + 1))
INDICES = st.one_of(st.integers(0, SIZE + 1), numbers(16))


@pytest.fixture(scope="module", params=MODELS_IN_SLOTS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with one device."""
    folder = tmp_path_factory.mktemp("queues")
    disk = folder / "image"
    disk.write_bytes(bytes(range(256)) * 64)
    built = machine(
        "virt",
        folder,
        False,
        Factory(),
        devices=(DeviceSpec(request.param, NEEDED.get(request.param, ())),),
        drives=(Drive(disk, "none", "disk"),),
        globals=(DeviceSpec("virtio-mmio", (("force-legacy", False),)),),
    )
    yield built
    close(built)


class Driver:
    """Writes to the slot and to RAM."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def write(self, register: int, value: int) -> None:
        with self.machine.lock:
            self.machine.memory.write(SLOT + register, 4, value)

    def load(self, address: int, data: bytes) -> None:
        self.machine.memory.load(address, data)

    def negotiate(self, features: int) -> None:
        self.write(STATUS, 0)
        self.write(STATUS, 3)
        for half in (0, 1):
            self.write(CHOSEN_SEL, half)
            self.write(CHOSEN, features >> 32 * half & 0xFFFFFFFF)
        self.write(STATUS, 3 | FEATURES_OK)

    def set_up(self, queue: int, places: tuple[int, int, int]) -> None:
        self.write(SEL, queue)
        self.write(NUM, SIZE)
        for number, address in enumerate(places):
            self.write(AREAS + 16 * number, address & 0xFFFFFFFF)
            self.write(AREAS + 16 * number + 4, address >> 32)
        self.write(READY, 1)


def places(queue: int) -> tuple[int, int, int]:
    """Where the areas of a queue are."""
    start = QUEUE + queue * ROOM
    return start, start + 0x800, start + 0x1000


@costly
@given(st.data())
def test_drivers_that_break_the_rules(made: Machine, data: st.DataObject) -> None:
    driver = Driver(made)
    with made.lock:
        offered = VERSION_1 | data.draw(st.sampled_from((0, EVENT_IDX, INDIRECT_DESC, EVENT_IDX | INDIRECT_DESC)))
    driver.negotiate(data.draw(st.one_of(st.just(offered), st.just(offered), numbers(64))))
    for queue in range(QUEUES):
        usual = places(queue)
        odd = data.draw(st.integers(0, 9)) == 0
        driver.set_up(queue, (data.draw(ADDRESSES), usual[1], data.draw(ADDRESSES)) if odd else usual)
        rows = data.draw(st.lists(DESCRIPTORS, min_size=SIZE, max_size=SIZE))
        driver.load(usual[0], b"".join(struct.pack("<QIHH", *row) for row in rows))
    # indirect tables and headers of requests
    driver.load(BUFFERS, data.draw(st.binary(min_size=64, max_size=64)))
    driver.write(STATUS, 3 | FEATURES_OK | DRIVER_OK)
    for _ in range(data.draw(st.integers(1, 6))):
        queue = data.draw(st.integers(0, QUEUES - 1))
        heads = data.draw(st.lists(INDICES, min_size=SIZE, max_size=SIZE))
        index = data.draw(INDICES)
        driver.load(places(queue)[1], struct.pack(f"<{SIZE + 3}H", 0, index, *heads, data.draw(INDICES)))
        driver.write(NOTIFY, data.draw(st.one_of(st.just(queue), numbers(32))))
        turn(made)
    driver.write(STATUS, 0)
    with made.lock:
        assert made.memory.read(SLOT + STATUS, 4) == 0
