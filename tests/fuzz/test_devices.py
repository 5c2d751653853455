"""The registers of every device: any access of any size in any order, saved and restored in between.

The devices are those of all boards that come along, and of their slots; so a new one is among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.devices.base import MODELS, Device
from pytcg.devices.catalogue import model_for
from pytcg.machine.boards import boards
from pytcg.machine.machine import Machine
from pytcg.softmmu.regions import BusError, Ram
from tests.fuzz.machines import close, machine, turn
from tests.fuzz.values import costly, numbers
from tests.machine.fakes import Factory

BOARDS = (*boards("riscv64"), "virt,aclint=on")
SIZES = (1, 2, 4, 8)


@pytest.fixture(scope="module", params=BOARDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine of each board."""
    built = machine(request.param, tmp_path_factory.mktemp("machine"), request.param == "virt", Factory(), cpus=2)
    yield built
    close(built)


def access(machine: Machine, address: int, size: int, value: int | None) -> None:
    """A read, or a write of `value`: an answer of that size, or a bus error."""
    with machine.lock:
        try:
            if value is None:
                assert 0 <= machine.memory.read(address, size) < 1 << 8 * size
            else:
                machine.memory.write(address, size, value)
        except BusError as error:
            assert str(error) and "\n" not in str(error)


def offsets(size: int) -> st.SearchStrategy[int]:
    """Offsets into a region: registers lie at its start, or far apart; its edges; any."""
    aligned = st.integers(0, size - 1).map(lambda offset: offset & -8)
    return st.one_of(st.integers(0, min(size - 1, 0x200)), aligned, st.integers(max(0, size - 9), size - 1))


def is_plain(value: Any) -> bool:
    """Whether saved state is made of plain values."""
    if isinstance(value, dict):
        return all(is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, int | str | bytes | bytearray | float)


@costly
@given(st.data())
def test_any_access(made: Machine, data: st.DataObject) -> None:
    made.restart()
    regions = [region for region in made.memory if type(region) is not Ram]
    for _ in range(data.draw(st.integers(1, 30))):
        region = data.draw(st.sampled_from(regions))
        offset = data.draw(offsets(region.size))
        size = data.draw(st.sampled_from(SIZES))
        value = data.draw(st.one_of(st.none(), numbers(64)))
        access(made, region.base + offset, size, value)
        if data.draw(st.integers(0, 9)) == 0:
            turn(made)
    with made.lock:
        made.memory.shared.settle()
        states = [device.save() for device in made.devices]
        assert is_plain(states)
        for device, state in zip(made.devices, states, strict=True):
            device.reset()
            device.restore(state)
        assert [device.save() for device in made.devices] == states


@pytest.mark.parametrize("size", SIZES)
def test_edges_of_all_regions(made: Machine, size: int) -> None:
    """Accesses at the first and last bytes, across them, and beside them."""
    made.restart()
    for region in list(made.memory):
        for edge in (region.base, region.end):
            for address in range(max(edge - 9, 0), edge + 9):
                access(made, address, size, None)
                access(made, address, size, address)
    turn(made)


def test_every_model_is_on_a_board(tmp_path: Path) -> None:
    found: set[type[Device]] = set()
    for name in BOARDS:
        built = machine(name, tmp_path, False, Factory())
        found |= {type(device) for device in built.devices}
        close(built)
    model_for(())
    assert {model for model in MODELS.values() if model.__module__.startswith("pytcg.devices")} <= found
