"""Real-time clock, test finisher, empty virtio slot."""

from __future__ import annotations

import time as host_time

import pytest

from pytcg.devices.goldfish_rtc import GoldfishRtc
from pytcg.devices.sifive_test import SifiveTest
from pytcg.devices.virtio_mmio import VirtioMmio
from pytcg.softmmu.regions import BusError
from tests.devices.fakes import FakeLine, FakeTime, wiring

TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH, IRQ_ENABLED, CLEAR_ALARM, ALARM_STATUS, CLEAR_INTERRUPT = range(0, 0x20, 4)
EPOCH = 1_700_000_000_123_456_789


class Rtc:
    def __init__(self) -> None:
        self.time = FakeTime()
        self.line = FakeLine()
        self.device = GoldfishRtc(self.line, self.time, self.time, EPOCH)

    def now(self) -> int:
        low = self.device.read(TIME_LOW, 4)
        return self.device.read(TIME_HIGH, 4) << 32 | low

    def set_alarm(self, ns: int) -> None:
        self.device.write(ALARM_HIGH, 4, ns >> 32)
        self.device.write(ALARM_LOW, 4, ns & 0xFFFFFFFF)


@pytest.fixture
def rtc() -> Rtc:
    return Rtc()


def test_rtc_starts_at_its_epoch_and_runs_on_guest_time(rtc: Rtc) -> None:
    assert rtc.now() == EPOCH
    rtc.time.advance(5_000_000_000)
    assert rtc.now() == EPOCH + 5_000_000_000


def test_rtc_of_a_machine_shows_the_hosts_time() -> None:
    time = FakeTime()
    device = GoldfishRtc.create(wiring(time, []))
    assert abs(device.now() - host_time.time_ns()) < 10**9


def test_high_half_is_latched_by_the_low_one(rtc: Rtc) -> None:
    rtc.device.read(TIME_LOW, 4)
    rtc.time.advance(1 << 33)
    assert rtc.device.read(TIME_HIGH, 4) == EPOCH >> 32


def test_rtc_is_set_high_half_first(rtc: Rtc) -> None:
    rtc.device.write(TIME_HIGH, 4, 5)
    rtc.device.write(TIME_LOW, 4, 6)
    assert rtc.now() == 5 << 32 | 6
    rtc.device.write(IRQ_ENABLED, 4, 1)
    rtc.set_alarm(6 << 32)
    rtc.device.write(TIME_HIGH, 4, 6)
    assert not rtc.line.level
    rtc.device.write(TIME_LOW, 4, 0)
    assert rtc.line.level, "the alarm's time has come"


def test_alarm(rtc: Rtc) -> None:
    rtc.set_alarm(EPOCH + 1000)
    rtc.device.write(IRQ_ENABLED, 4, 1)
    assert rtc.device.read(ALARM_STATUS, 4) == 1
    assert rtc.device.read(ALARM_LOW, 4) == (EPOCH + 1000) & 0xFFFFFFFF
    rtc.time.advance(999)
    assert not rtc.line.level
    rtc.time.advance(1)
    assert rtc.line.level
    assert rtc.device.read(ALARM_STATUS, 4) == 0
    rtc.device.write(CLEAR_INTERRUPT, 4, 1)
    assert not rtc.line.level


def test_alarm_that_was_cleared_masked_or_is_past(rtc: Rtc) -> None:
    rtc.device.write(IRQ_ENABLED, 4, 1)
    rtc.set_alarm(EPOCH + 1000)
    rtc.device.write(CLEAR_ALARM, 4, 1)
    rtc.time.advance(2000)
    assert not rtc.line.level
    rtc.device.write(IRQ_ENABLED, 4, 0)
    rtc.set_alarm(EPOCH)
    assert not rtc.line.level
    rtc.device.write(IRQ_ENABLED, 4, 1)
    assert rtc.line.level


@pytest.mark.parametrize("size, value, calls", [
    (4, 0x5555, ["shutdown 0"]),
    (2, 0x5555, ["shutdown 0"]),
    (4, 0x2A3333, ["shutdown 42"]),
    (4, 0x7777, ["reset"]),
    (4, 0x1234, []),
])  # fmt: skip
def test_finisher(size: int, value: int, calls: list[str]) -> None:
    seen: list[str] = []
    around = wiring(
        FakeTime(), [], shutdown=lambda status: seen.append(f"shutdown {status}"), reset=lambda: seen.append("reset")
    )
    device = SifiveTest.create(around)
    device.write(0, size, value)
    assert seen == calls
    assert device.read(0, 4) == 0
    with pytest.raises(BusError):
        device.write(0, 1, 0x55)


def test_empty_virtio_slot() -> None:
    slot = VirtioMmio.create(wiring(FakeTime(), []))
    assert [slot.read(offset, 4) for offset in range(0, 0x14, 4)] == [0x74726976, 1, 0, 0x554D4551, 0]
    slot.write(0x70, 4, 1)
    assert slot.read(0x70, 4) == 0
    assert slot.read(0x100, 1) == 0
