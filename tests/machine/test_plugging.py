"""Devices of the command line: which slot they get, what they are made of, and what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytcg.cli.devices import READERS
from pytcg.devices.fw_cfg import Item
from pytcg.machine.chardevs.backends import CharacterDevice, File
from pytcg.machine.errors import MachineError
from pytcg.machine.machine import Machine
from pytcg.machine.models import MODELS
from pytcg.machine.netdevs.backends import Datagrams, Netdev
from pytcg.machine.options import DeviceSpec, Drive, FirmwareFile, Icount, Options
from tests.machine.fakes import Factory, FakeCpu, Program, idle
from tests.machine.kernels import image

SLOTS = [0x10001000 + 0x1000 * number for number in range(8)]
VERSION, ID, FEATURES, STATUS, CONFIG = 4, 8, 0x10, 0x70, 0x100
PASS, TEST = 0x5555, 0x100000
RAM, ROM, FLASH, FW_CFG = 0x80000000, 0x1000, 0x20000000, 0x10100000
RNG = DeviceSpec("virtio-rng-device")
MODERN = DeviceSpec("virtio-mmio", (("force-legacy", False),))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "firmware").write_bytes(b"firmware")
    (tmp_path / "disk").write_bytes(bytes(5120))
    return tmp_path


def machine(files: Path, program: Program = idle, **options: Any) -> Machine:
    return Machine(Options(bios=str(files / "firmware"), serials=(), **options), Factory(program))


def slots(files: Path, register: int = ID, **options: Any) -> list[int]:
    """A register of each slot as the guest reads it."""
    seen: list[int] = []

    def program(cpu: FakeCpu) -> None:
        seen.extend(cpu.read(slot + register) for slot in SLOTS)
        cpu.write(TEST, PASS)

    assert machine(files, program, **options).run() == 0
    return seen


def disk(*values: tuple[str, Any]) -> DeviceSpec:
    return DeviceSpec("virtio-blk-device", (("drive", "x0"), *values))


def card(netdev: str, *values: tuple[str, Any]) -> DeviceSpec:
    return DeviceSpec("virtio-net-device", (("netdev", netdev), *values))


def test_every_kind_of_property_can_be_read() -> None:
    assert {one.kind for model in MODELS for one in model.properties} <= set(READERS)


def test_devices_fill_the_slots_from_the_highest(files: Path) -> None:
    assert slots(files, devices=(RNG, RNG)) == [0, 0, 0, 0, 0, 0, 4, 4]
    assert slots(files) == [0] * 8
    drives = (Drive(files / "disk"), Drive(files / "disk", "none", "x0", readonly=True, locking=False))
    where = DeviceSpec("virtio-rng-device", (("bus", "virtio-mmio-bus.0"),))
    assert slots(files, drives=drives, devices=(where, disk())) == [4, 0, 0, 0, 0, 0, 2, 2]


def test_all_slots_become_modern(files: Path) -> None:
    assert slots(files, VERSION) == [1] * 8
    assert slots(files, VERSION, globals=(MODERN,)) == [2] * 8


def test_defaults_hold_where_a_device_says_nothing(files: Path) -> None:
    drive = Drive(files / "disk", "none", "x0")
    given = DeviceSpec("virtio-blk-device", (("logical_block_size", 1024),))
    assert slots(files, CONFIG + 20, drives=(drive,), devices=(disk(),), globals=(given,))[7] == 1024
    own = disk(("logical_block_size", 4096))
    assert slots(files, CONFIG + 20, drives=(drive,), devices=(own,), globals=(given,))[7] == 4096


def test_a_console_leads_to_its_chardev(files: Path) -> None:
    log = files / "log"
    consoles = (DeviceSpec("virtio-serial-device", (("id", "vs0"),)), DeviceSpec("virtio-serial-device"))
    port = DeviceSpec("virtconsole", (("chardev", "c0"), ("bus", "vs0.0")))

    def program(cpu: FakeCpu) -> None:
        for slot in SLOTS:
            cpu.write(slot + CONFIG + 8, ord("!"))
        cpu.write(TEST, PASS)

    chardev = CharacterDevice("c0", File(log))
    assert machine(files, program, chardevs=(chardev,), devices=(*consoles, port)).run() == 0
    assert log.read_bytes() == b"!"


def test_cards_have_the_addresses_that_they_are_given_or_the_next(files: Path) -> None:
    given = DeviceSpec("virtio-net-device", (("mac", "52-54-00-12-34-56"), ("ctrl_vq", False), ("host_mtu", 1400)))
    cards = (given, DeviceSpec("virtio-net-device"))
    assert slots(files, ID, devices=cards)[6:] == [1, 1]
    assert slots(files, CONFIG + 4, devices=cards)[6:] == [0x15734, 0x15634]
    assert slots(files, CONFIG + 8, devices=cards)[6:] == [1, 1 | 1400 << 16]
    offered = 1 << 3 | 1 << 5 | 1 << 15 | 1 << 16
    assert slots(files, FEATURES, devices=cards)[7] & 0xFFFFFF == offered


def test_a_card_is_plugged_into_its_network(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    backend = Datagrams(("127.0.0.1", 9), ("127.0.0.1", 0))
    netdevs = (Netdev("a", backend), Netdev("b", backend))
    assert slots(files, devices=(card("a"),), netdevs=netdevs)[7] == 1
    assert caplog.messages == ["netdev b has no card: -device virtio-net-device,netdev=b"]
    caplog.clear()
    slots(files, devices=(DeviceSpec("virtio-net-device"),))
    assert caplog.messages == ["a virtio-net-device leads nowhere: it has no netdev=ID"]


def test_a_reset_resets_the_devices(files: Path) -> None:
    def program(cpu: FakeCpu) -> None:
        cpu.write(SLOTS[7] + STATUS, 3)
        assert cpu.read(SLOTS[7] + STATUS) == 3
        cpu.write(TEST, 0x7777)
        while len(cpu.resets) < 2:
            cpu.stopped.wait(0.001)
        assert cpu.read(SLOTS[7] + STATUS) == 0
        cpu.write(TEST, PASS)

    assert machine(files, program, devices=(RNG,)).run() == 0


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ((RNG,) * 9, "no virtio slot of the board is free"),
        (
            (DeviceSpec("virtio-rng-device", (("bus", "virtio-mmio-bus.8"),)),),
            r"no free virtio slot is called virtio-mmio-bus.8 \(did you mean virtio-mmio-bus",
        ),
        ((DeviceSpec("virtio-rng-device", (("id", "a"),)),) * 2, "two devices are called a"),
        ((DeviceSpec("virtio-blk-device"),), "needs drive="),
        ((DeviceSpec("virtio-blk-device", (("drive", "x1"),)),), "no -drive has id=x1"),
        ((disk(), disk()), "drive x0 is in use by another device"),
        ((DeviceSpec("virtconsole"),), "needs a virtio-serial-device before it"),
        (
            (DeviceSpec("virtio-serial-device"), DeviceSpec("virtconsole", (("bus", "vs0.0"),))),
            "no virtio-serial-device with a free port has the bus vs0.0",
        ),
        ((DeviceSpec("virtio-serial-device"), *(DeviceSpec("virtconsole"),) * 2), "needs a virtio-serial-device"),
        (
            (DeviceSpec("virtio-serial-device"), DeviceSpec("virtconsole", (("chardev", "c9"),))),
            "no chardev c9",
        ),
        ((card("n0"),), "no -netdev has id=n0"),
        ((card("", ("mac", "01:00:00:00:00:00")),), "mac=01:00:00:00:00:00: not the address of a card"),
        ((card("", ("mac", "52:54")),), "mac=52:54: not the address of a card"),
        ((card("", ("host_mtu", 60)),), "host_mtu=60: an MTU is of 68 to 65514 bytes"),
        ((card("", ("rx_queue_size", 300)),), "rx_queue_size=300: a power of two from 4 to 1024"),
        ((DeviceSpec("virtio-rng-device", (("rng", "r0"),)),), "no -object has id=r0"),
        ((disk(("queue-size", 3)),), "queue-size=3: a power of two"),
        ((disk(("logical_block_size", 100)),), "logical_block_size=100: a power of two"),
    ],
)
def test_devices_that_cannot_be(files: Path, devices: tuple[DeviceSpec, ...], message: str) -> None:
    with pytest.raises(MachineError, match=message):
        machine(files, devices=devices, drives=(Drive(files / "disk", "none", "x0"),))
    machine(files, devices=(disk(),), drives=(Drive(files / "disk", "none", "x0"),)).plugboard.close()


@pytest.mark.parametrize(
    ("drives", "message"),
    [
        ((Drive(Path("/nowhere/disk")),), "cannot open disk image /nowhere/disk: No such file"),
        ((Drive(Path("disk"), "pflash", unit=2),), "no flash for disk: the board has 2 banks"),
        ((Drive(Path("/nowhere/flash"), "pflash", unit=1),), "cannot open disk image /nowhere/flash"),
        ((Drive(Path("disk"), id="a"), Drive(Path("disk"), id="a")), "another drive is a, unit 1"),
    ],
)
def test_drives_that_cannot_be(files: Path, drives: tuple[Drive, ...], message: str) -> None:
    with pytest.raises(MachineError, match=message):
        machine(files, drives=drives)


def test_a_disk_in_use(files: Path) -> None:
    first = machine(files, drives=(Drive(files / "disk"),))
    for drive in (Drive(files / "disk"), Drive(files / "disk", snapshot=True), Drive(files / "disk", readonly=True)):
        with pytest.raises(MachineError, match="disk is in use by another pytcg"):
            machine(files, drives=(drive,))
    first.plugboard.close()
    shared = [machine(files, drives=(Drive(files / "disk", snapshot=True),)) for _ in range(2)]
    for one in shared:
        one.plugboard.close()


def test_flash_of_another_size_than_its_image(files: Path) -> None:
    with pytest.raises(MachineError, match="a flash image of 5120 bytes for a bank of 33554432"):
        machine(files, drives=(Drive(files / "disk", "pflash", readonly=True),))


@pytest.mark.parametrize(("bios", "first"), [("firmware", RAM), ("none", FLASH)])
def test_what_is_in_flash_starts(files: Path, bios: str, first: int) -> None:
    """After the firmware, which is told of it, or by itself."""
    (files / "flash").write_bytes(b"in flash".ljust(32 << 20, b"\0"))
    found: list[int] = []

    def program(cpu: FakeCpu) -> None:
        found.extend(cpu.read(at, 8) for at in (ROM + 0x18, ROM + 0x38, FLASH))
        cpu.write(TEST, PASS)

    options = Options(
        bios=bios if bios == "none" else str(files / bios), serials=(), drives=(Drive(files / "flash", "pflash"),)
    )
    assert Machine(options, Factory(program)).run() == 0
    assert found[0] == first
    assert found[2].to_bytes(8, "little") == b"in flash"
    if bios == "firmware":
        assert found[1] == FLASH


def test_fw_cfg_has_the_kernel_of_firmware_in_flash(files: Path) -> None:
    (files / "flash").write_bytes(bytes(32 << 20))
    (files / "kernel").write_bytes(image())
    items: list[bytes] = []

    def program(cpu: FakeCpu) -> None:
        for item, size in ((Item.KERNEL_SIZE, 4), (Item.CMDLINE_DATA, 4), (Item.CPUS, 2), (Item.FIRST_FILE, 4)):
            cpu.write(FW_CFG + 8, int.from_bytes(item.to_bytes(2, "big"), "little"), 2)
            items.append(bytes(cpu.read(FW_CFG, 1) for _ in range(size)))
        cpu.write(TEST, PASS)

    options: dict[str, Any] = {
        "kernel": files / "kernel",
        "append": "a=b",
        "cpus": 3,
        "drives": (Drive(files / "flash", "pflash", readonly=True),),
        "firmware_files": (FirmwareFile("opt/a", text="text"),),
    }
    assert machine(files, program, **options).run() == 0
    assert items == [len(image()).to_bytes(4, "little"), b"a=b\0", b"\3\0", b"text"]


def test_random_numbers_can_be_repeated(files: Path) -> None:
    """With -seed and with -icount, each source its own."""

    def numbers(**options: Any) -> list[bytes]:
        board = machine(files, random_sources=("a", "b"), **options).plugboard
        return [board.random_bytes(name)(16) for name in ("a", "b", "")]

    for options in ({"seed": 5}, {"icount": Icount(0)}):
        assert numbers(**options) == numbers(**options)
        assert len(set(numbers(**options))) == 3
    assert numbers(seed=5) != numbers(seed=6)
    assert numbers() != numbers()
