"""Virtio: the transport's registers, queues as drivers use them, and as drivers that break the rules do."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.devices.virtio.device import (
    ANY_LAYOUT,
    DRIVER_OK,
    EVENT_IDX,
    FEATURES_OK,
    INDIRECT_DESC,
    NEEDS_RESET,
    VERSION_1,
    Host,
)
from pytcg.devices.virtio.rng import VirtioRng
from pytcg.devices.virtio_mmio import VirtioMmio
from pytcg.softmmu.regions import BusError
from tests.devices.virtio_driver import (
    ACK,
    ALIGN,
    AREAS,
    BUFFERS,
    CHOSEN,
    CONFIG,
    GENERATION,
    ID,
    INDIRECT,
    ISR,
    MAGIC,
    NEXT,
    NOTIFY,
    NUM,
    NUM_MAX,
    PAGE_SIZE,
    PFN,
    QUEUE,
    RAM,
    RAM_SIZE,
    READY,
    SEL,
    SLOT,
    STATUS,
    VERSION,
    WRITE,
    Bench,
)

BOTH = pytest.mark.parametrize("legacy", [True, False])


def random_device(host: Host) -> VirtioRng:
    return VirtioRng(host, lambda size: bytes(range(1, 256))[:size])


def bench(legacy: bool = False) -> Bench:
    return Bench(random_device, legacy)


def works(board: Bench, **options: int) -> bool:
    """Whether a reset and a request like any other get their answer."""
    board.start(**options)
    at = board.send(32)
    return board.done() == [(0, 32)] and board.peek(at, 32) == bytes(range(1, 33)) and board.line.level


def test_an_empty_slot() -> None:
    slot = VirtioMmio()
    assert [slot.read(register, 4) for register in (MAGIC, VERSION, ID)] == [0x74726976, 1, 0]
    for offset in range(0, 0x200, 4):
        slot.write(offset, 4, 0xFFFFFFFF)
        assert slot.read(offset, 4) in (0, 0x74726976, 1, 0x554D4551)


@BOTH
def test_identity_and_features(legacy: bool) -> None:
    board = bench(legacy)
    assert [board.read(register) for register in (MAGIC, VERSION, ID)] == [0x74726976, 1 if legacy else 2, 4]
    assert board.offered() == INDIRECT_DESC | EVENT_IDX | (ANY_LAYOUT if legacy else VERSION_1)
    board.write(SEL, 0)
    assert board.read(NUM_MAX) == 8
    board.write(SEL, 1)
    assert board.read(NUM_MAX) == 0
    board.device.withheld = EVENT_IDX
    assert not board.offered() & EVENT_IDX


@BOTH
@pytest.mark.parametrize("features", [0, INDIRECT_DESC, EVENT_IDX, INDIRECT_DESC | EVENT_IDX])
def test_a_request(legacy: bool, features: int) -> None:
    board = bench(legacy)
    assert works(board, features=features)
    assert board.read(ISR) == 1
    board.write(ACK, 1)
    assert board.read(ISR) == 0 and not board.line.level
    assert (BUFFERS, 32) in board.changed


def test_features_that_were_not_offered_are_refused() -> None:
    board = bench()
    board.start(features=1 << 35)
    assert not board.read(STATUS) & FEATURES_OK
    board = bench(legacy=True)
    assert works(board, features=1 << 5)
    assert board.device.negotiated == 0


def test_features_stay_once_they_are_agreed() -> None:
    board = bench()
    board.start(features=INDIRECT_DESC)
    board.write(CHOSEN, 0xFFFFFFFF)
    assert board.device.negotiated == INDIRECT_DESC


def test_features_are_those_of_the_last_choice() -> None:
    board = bench()
    board.write(STATUS, 3)
    for chosen in (INDIRECT_DESC | EVENT_IDX, INDIRECT_DESC):
        board.write(CHOSEN, chosen)
    assert board.device.negotiated == INDIRECT_DESC


def test_a_queue_that_is_on_stays_as_it_is() -> None:
    board = bench()
    assert works(board)
    before = board.device.queues[0].save()
    board.write(SEL, 0)
    for register in (NUM, READY, *(AREAS + 16 * area + 4 * half for area in range(3) for half in range(2))):
        board.write(register, 1)
    assert board.device.queues[0].save() == before


def test_nothing_is_served_before_driver_ok() -> None:
    board = bench()
    board.write(STATUS, 3 | FEATURES_OK)
    board.set_up(0, 8)
    board.send(16)
    assert board.done() == []
    board.write(STATUS, 3 | FEATURES_OK | DRIVER_OK)
    assert board.done() == [(0, 16)]


def test_the_page_size_stays_at_a_reset() -> None:
    board = bench(legacy=True)
    board.write(PAGE_SIZE, 4096)
    board.write(STATUS, 0)
    board.write(PFN, QUEUE >> 12)
    assert board.read(PFN) == QUEUE >> 12


@BOTH
def test_the_ring_goes_round(legacy: bool) -> None:
    board = bench(legacy)
    board.start(features=EVENT_IDX, size=4)
    for _ in range(70000 // 4):
        for _ in range(4):
            board.describe((BUFFERS, 1, WRITE, 0))
            board.offer(0)
        board.notify()
        assert len(board.done()) == 4


def test_an_indirect_table_after_a_descriptor() -> None:
    board = bench()
    board.start(features=INDIRECT_DESC)
    table = BUFFERS + 0x100
    board.describe((BUFFERS, 8, WRITE | NEXT, 5))
    board.describe((table, 32, INDIRECT | WRITE, 0), first=5)
    board.describe((BUFFERS + 8, 8, WRITE | NEXT, 1), (BUFFERS + 16, 8, WRITE, 0), table=table)
    board.offer(0)
    board.notify()
    assert board.done() == [(0, 24)]
    assert board.peek(BUFFERS, 24) == bytes(range(1, 25))


def test_no_interrupt_where_the_driver_wants_none() -> None:
    board = bench()
    board.start()
    board.poke(board.available, struct.pack("<H", 1))
    board.send(8)
    assert board.done() and not board.line.level


def test_the_event_index_says_when_to_interrupt() -> None:
    board = bench()
    board.start(features=EVENT_IDX)
    event = board.available + 4 + 2 * board.size
    for used_event, expected in ((2, False), (2, False), (2, True), (3, True), (9, False)):
        board.poke(event, struct.pack("<H", used_event))
        board.write(ACK, 1)
        board.send(8)
        assert board.line.level is expected
    wanted = struct.unpack("<H", board.peek(board.used + 4 + 8 * board.size, 2))[0]
    assert wanted == board.next, "the device asks to be notified of the next"


@BOTH
def test_an_indirect_table_needs_its_feature(legacy: bool) -> None:
    board = bench(legacy)
    board.start()
    board.send(8, indirect=True)
    assert board.read(STATUS) & NEEDS_RESET
    assert works(board)


def test_a_chain_longer_than_the_queue() -> None:
    board = bench()
    board.start(features=INDIRECT_DESC, size=4)
    board.send(*[1] * 5, indirect=True)
    assert board.read(STATUS) & NEEDS_RESET
    board.start(features=INDIRECT_DESC, size=4)
    board.send(*[1] * 4, indirect=True)
    assert board.done() == [(0, 4)]


@BOTH
@pytest.mark.parametrize("index", [9, 0x7FFF, 0xFFFF])
def test_an_available_index_that_runs_ahead(legacy: bool, index: int) -> None:
    board = bench(legacy)
    board.start()
    board.describe((BUFFERS, 8, WRITE, 0))
    board.poke(board.available + 2, struct.pack("<H", index))
    board.notify()
    assert board.read(STATUS) & NEEDS_RESET
    assert works(board)


@pytest.mark.parametrize(
    ("register", "value"),
    [
        *((AREAS, 8), (AREAS + 0x10, 1), (AREAS + 0x20, 2), (AREAS, 0), (AREAS + 4, 0xFFFFFFFF), (AREAS + 0x20, SLOT)),
        *((NUM, 6), (NUM, 0), (NUM, 16), (NUM, 0xFFFFFFFF)),
    ],
)
def test_a_queue_that_cannot_be(register: int, value: int) -> None:
    board = bench()
    board.start()
    board.write(READY, 0)
    for at, address in ((AREAS, QUEUE), (AREAS + 0x10, QUEUE + 0x100), (AREAS + 0x20, QUEUE + 0x200)):
        board.write(at, address)
    board.write(NUM, 8)
    board.write(register, value)
    board.write(READY, 1)
    assert board.read(READY) == 0
    assert board.read(STATUS) & NEEDS_RESET
    assert works(board)


@pytest.mark.parametrize(("page_size", "align", "page"), [(4096, 3, 1), (4096, 4096, 0xFFFFFFFF), (0, 0, 3), (8, 1, 1)])
def test_a_legacy_queue_that_cannot_be(page_size: int, align: int, page: int) -> None:
    board = bench(legacy=True)
    board.start()
    for register, value in ((PFN, 0), (PAGE_SIZE, page_size), (ALIGN, align), (PFN, page)):
        board.write(register, value)
    assert board.read(PFN) == 0
    assert board.read(STATUS) & NEEDS_RESET
    assert works(board)


@BOTH
def test_queues_that_there_are_not(legacy: bool) -> None:
    board = bench(legacy)
    board.start()
    for queue in (1, 0xFFFFFFFF):
        board.write(SEL, queue)
        for register in (NUM, PFN, READY, AREAS, NOTIFY):
            board.write(register, queue)
        assert [board.read(register) for register in (NUM_MAX, PFN, READY)] == [0, 0, 0]
    assert works(board)


@BOTH
def test_accesses_of_other_sizes(legacy: bool) -> None:
    board = bench(legacy)
    board.start()
    for offset in range(CONFIG):
        for size in (1, 2, 4, 8):
            if size != 4 or offset % 4:
                assert board.read(offset, size) == 0
                board.write(offset, 0, size)
    assert board.read(STATUS) & DRIVER_OK
    for offset, size in ((CONFIG, 8), (CONFIG + 1, 2), (CONFIG + 2, 4)):
        with pytest.raises(BusError):
            board.read(offset, size)
        with pytest.raises(BusError):
            board.write(offset, 0, size)
    for size in (1, 2, 4):
        board.write(0x200 - size, 0, size)
        assert board.read(0x200 - size, size) == 0
    if not legacy:
        assert board.read(GENERATION) == 0


@BOTH
def test_saved_state_goes_on_elsewhere(legacy: bool) -> None:
    board = bench(legacy)
    board.start(features=EVENT_IDX | INDIRECT_DESC)
    board.send(8)
    other = bench(legacy)
    other.ram.buffer[:] = board.ram.buffer
    other.mmio.restore(board.mmio.save())
    vars(other).update({name: getattr(board, name) for name in ("next", "seen", "size", "queue", "available", "used")})
    assert other.line.level
    assert other.done() == [(0, 8)]
    other.send(16, indirect=True)
    assert other.done() == [(0, 16)]


WORD = st.one_of(st.integers(0, 20), st.sampled_from([0x7FFF, 0x8000, 0xFFFF]))
ADDRESS = st.one_of(
    st.integers(QUEUE, QUEUE + 0x400),
    st.integers(BUFFERS, BUFFERS + 64),
    st.sampled_from([0, SLOT, RAM + RAM_SIZE - 1, RAM + RAM_SIZE, (1 << 64) - 1]),
)
LENGTH = st.one_of(st.integers(0, 64), st.sampled_from([16, 32, 0x100000, 0xFFFFFFFF]))
ROWS = st.lists(st.tuples(ADDRESS, LENGTH, st.integers(0, 7), WORD), min_size=1, max_size=8)


@given(ROWS, st.lists(WORD, max_size=8), WORD, st.booleans(), st.sampled_from([0, INDIRECT_DESC, EVENT_IDX]))
def test_whatever_is_in_memory_the_device_answers_or_stops(
    rows: list[tuple[int, int, int, int]], heads: list[int], index: int, legacy: bool, features: int
) -> None:
    board = bench(legacy)
    board.start(features=features)
    outside = board.peek(RAM, QUEUE - RAM), board.peek(RAM + RAM_SIZE // 2, RAM_SIZE // 2 - 1)
    board.describe(*rows)
    board.poke(board.available + 4, b"".join(struct.pack("<H", head) for head in heads))
    board.poke(board.available + 2, struct.pack("<H", index))
    board.notify()
    used = struct.unpack("<H", board.peek(board.used + 2, 2))[0]
    assert used <= 8 or board.read(STATUS) & NEEDS_RESET
    assert (board.peek(RAM, QUEUE - RAM), board.peek(RAM + RAM_SIZE // 2, RAM_SIZE // 2 - 1)) == outside
    assert works(board)


def test_a_legacy_queue_is_moved_to_where_it_cannot_be() -> None:
    board = bench(legacy=True)
    board.start()
    board.write(PFN, SLOT >> 12)
    assert board.read(STATUS) & NEEDS_RESET and board.read(PFN) == 0
    board.send(8)
    assert board.done() == []
    assert works(board)
