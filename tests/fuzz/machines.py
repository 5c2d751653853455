"""Whole machines whose devices lead nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pytcg.machine.chardevs.backends import CharacterDevice, Ringbuf
from pytcg.machine.cpus import ProcessorFactory, make_processors
from pytcg.machine.machine import Machine
from pytcg.machine.options import DeviceSpec, Drive, Options

#: ends of a serial port and of a virtconsole, which take what they are sent and give it to nobody
RINGS = tuple(CharacterDevice(name, Ringbuf(64)) for name in ("serial", "console"))
IN_SLOTS = (
    DeviceSpec("virtio-serial-device"),
    DeviceSpec("virtconsole", (("chardev", "console"),)),
    DeviceSpec("virtio-rng-device"),
)


def machine(board: str, folder: Path, slots: bool, make: ProcessorFactory = make_processors, **more: Any) -> Machine:
    """A machine of a board, NAME[,OPTION=VALUE]; `slots`: with a device of each kind in them."""
    name, _, option = board.partition(",")
    firmware, disk = folder / "firmware", folder / "disk"
    firmware.write_bytes(bytes(64))
    disk.write_bytes(bytes(1 << 16))
    usual = Options(
        board=name,
        board_options=((option.partition("=")[0], option.partition("=")[2]),) if option else (),
        bios=str(firmware),
        serials=("serial",),
        chardevs=RINGS,
        monitors=(),
        no_shutdown=True,
        devices=IN_SLOTS if slots else (),
        drives=(Drive(disk),) if slots else (),
    )
    return Machine(replace(usual, **more), make)


def turn(machine: Machine) -> None:
    """Let the event loop do what is due."""
    machine.loop.call_soon(machine.loop.stop)
    machine.loop.run()


def close(machine: Machine) -> None:
    """Let go of what it holds."""
    machine.chardevs.close()
    machine.plugboard.close()
    machine.workers.close()
    machine.loop.close()
