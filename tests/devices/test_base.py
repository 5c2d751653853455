"""Declared registers: layout, access rules, effects, state."""

from __future__ import annotations

import pytest

from pytcg.devices.base import Device
from pytcg.devices.catalogue import model_for
from pytcg.devices.registers import Register, RegisterArray
from pytcg.softmmu.regions import BusError


class Sample(Device):
    sizes = (1, 2, 4, 8)
    state = ("log",)

    control = Register(0x0, mask=0xFF, reset=0xAB00)
    run = control.field(0)
    speed = control.field(4, 3)
    wide = Register(0x8, width=8)
    status = Register(0x10, access="r", reset=7)
    command = Register(0x14, access="w")
    grid = RegisterArray(0x20, lambda self: [(self.rows, 0x10), (2, 4)])
    front = Register(0x1, width=1, bank=0)
    back = Register(0x40, bank=1)

    def __init__(self, rows: int) -> None:
        self.rows = rows
        super().__init__()

    def reset(self) -> None:
        super().reset()
        self.log: list[int] = []

    @command.writes
    def _command(self, value: int) -> None:
        self.log.append(value)


@pytest.fixture
def device() -> Sample:
    return Sample(2)


def test_bits_outside_the_mask_keep_their_reset_value(device: Sample) -> None:
    device.write(0, 4, 0xFFFFFF31)
    assert device.read(0, 4) == device.control == 0xAB31
    assert (device.run, device.speed) == (1, 3)
    device.speed = 4
    assert device.control == 0xAB41


def test_narrow_accesses(device: Sample) -> None:
    device.write(8, 8, 0x1122334455667788)
    device.write(12, 4, 0xAABBCCDD)
    device.write(9, 1, 0)
    assert device.read(8, 8) == 0xAABBCCDD55660088
    assert device.read(14, 2) == 0xAABB


def test_access_rules(device: Sample) -> None:
    for offset, size in ((0, 3), (0, 16), (2, 4), (1, 2)):
        with pytest.raises(BusError):
            device.read(offset, size)
        with pytest.raises(BusError):
            device.write(offset, size, 0)


def test_read_only_write_only_and_nothing(device: Sample) -> None:
    device.write(0x10, 4, 1)
    device.write(0x14, 4, 5)
    device.write(0x100, 4, 5)
    assert [device.read(offset, 4) for offset in (0x10, 0x14, 0x100)] == [7, 0, 0]
    assert device.log == [5]


def test_arrays(device: Sample) -> None:
    for value, offset in enumerate((0x20, 0x24, 0x30, 0x34), 1):
        device.write(offset, 4, value)
    device.write(0x28, 4, 9)
    assert device.grid == [1, 2, 3, 4]
    assert device.read(0x30, 4) == 3
    assert len(Sample(3).grid) == 6


def test_banks(device: Sample) -> None:
    device.write(0x40, 4, 3)
    assert device.back == 0
    device.bank = 1
    device.write(0x40, 4, 3)
    assert device.back == 3


def test_state_comes_back_and_is_a_copy(device: Sample) -> None:
    device.write(0x20, 4, 8)
    device.write(0x14, 4, 1)
    saved = device.save()
    device.write(0x20, 4, 9)
    device.write(0x14, 4, 2)
    device.restore(saved)
    device.restore(saved)
    device.write(0x24, 4, 7)
    assert device.grid == [8, 7, 0, 0]
    assert saved["registers"]["grid"] == [8, 0, 0, 0]
    assert device.log == [1]
    device.reset()
    assert (device.grid, device.log) == ([0] * 4, [])


def test_models_are_found_by_compatible() -> None:
    names = ("sifive,plic-1.0.0", "riscv,clint0", "ns16550a", "google,goldfish-rtc", "sifive,test1", "virtio,mmio")
    assert [model.__name__ for model in map(model_for, ((name,) for name in names)) if model] == [
        "Plic", "Clint", "Ns16550a", "GoldfishRtc", "SifiveTest", "VirtioMmio",
    ]  # fmt: skip
    found = model_for(("acme,uart", "ns16550"))
    assert found is not None and found.__name__ == "Ns16550a"
    assert model_for(("acme,uart",)) is None
