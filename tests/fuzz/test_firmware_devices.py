"""What firmware works with: transfers of fw_cfg to and from anywhere, and commands of the flash in any order."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.devices import cfi_flash, fw_cfg
from pytcg.machine.machine import Machine
from tests.fuzz.machines import close, machine
from tests.fuzz.values import RAM, RAM_SIZE, costly, numbers
from tests.machine.fakes import Factory

FW_CFG, FLASH, FLASH_SIZE = 0x10100000, 0x20000000, 32 << 20
BLOCK = RAM + 0x1000
CONTROLS = st.builds(lambda item, bits: item << 16 | bits, st.one_of(st.integers(0, 0x21), numbers(16)), numbers(16))
PLACES = st.one_of(
    st.sampled_from((RAM, BLOCK, BLOCK + 8, FW_CFG, FLASH, 0, RAM + RAM_SIZE - 8, RAM + RAM_SIZE)), numbers(64)
)
COMMANDS = tuple(value for name, value in vars(cfi_flash).items() if name.isupper() and isinstance(value, int))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    built = machine("virt", tmp_path_factory.mktemp("firmware"), False, Factory())
    yield built
    close(built)


@costly
@given(st.lists(st.tuples(CONTROLS, numbers(32), PLACES, PLACES), min_size=1, max_size=8))
def test_transfers(made: Machine, transfers: list[tuple[int, int, int, int]]) -> None:
    with made.lock:
        for control, length, address, other in transfers:
            for block in (BLOCK, other):
                made.memory.load(BLOCK, struct.pack(">IIQ", control, length, address))
                made.memory.write(FW_CFG + fw_cfg.DMA_HIGH, 4, int.from_bytes(struct.pack(">I", block >> 32), "little"))
                low = struct.pack(">I", block & 0xFFFFFFFF)
                made.memory.write(FW_CFG + fw_cfg.DMA_LOW, 4, int.from_bytes(low, "little"))
                if block == BLOCK:
                    assert made.memory.read(BLOCK, 4) in (0, fw_cfg.ERROR << 24)


@costly
@given(st.data())
def test_flash_commands(made: Machine, data: st.DataObject) -> None:
    with made.lock:
        for _ in range(data.draw(st.integers(1, 40))):
            size = data.draw(st.sampled_from((1, 2, 4, 8)))
            at = FLASH + data.draw(st.one_of(st.integers(0, 64), st.integers(0, FLASH_SIZE - 8)))
            if data.draw(st.booleans()):
                command = data.draw(st.one_of(st.sampled_from(COMMANDS), numbers(32)))
                made.memory.write(at, size, command & 0xFFFF | command << 16)
            else:
                assert 0 <= made.memory.read(at, size) < 1 << 8 * size
        # from any state, the array can be read again
        made.restart()
        made.memory.write(FLASH, 4, cfi_flash.READ_ARRAY * 0x10001)
        made.memory.read(FLASH, 8)
