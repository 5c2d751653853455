"""Puts the devices of the command line into the slots of a board."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from pytcg.block.image import Image
from pytcg.devices.chardev import Chardev
from pytcg.devices.flash_image import FlashImage
from pytcg.devices.virtio.console import VirtioConsole
from pytcg.devices.virtio.device import EVENT_IDX, INDIRECT_DESC, Host, VirtioDevice
from pytcg.machine.description import device_nodes, windows
from pytcg.machine.drives import Drives, open_image
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.makers import Values
from pytcg.machine.models import Model, find_device, find_model
from pytcg.machine.netdevs.registry import Netdevs
from pytcg.machine.options import DeviceSpec, Options
from pytcg.machine.tree import Node, Tree

if TYPE_CHECKING:
    from pytcg.devices.virtio.net import VirtioNet

log = logging.getLogger("pytcg")

VIRTIO_SLOT = "virtio,mmio"
VIRTIO_BUS, SERIAL_BUS = "virtio-mmio-bus", "virtio-serial-bus"


class Plugboard:
    """The slots of a board, and what is in them: `plugged`, by node.

    As on QEMU's board the slots are buses numbered from the lowest address, and a device that names none takes the
    highest that is free.
    """

    def __init__(
        self,
        tree: Tree,
        options: Options,
        drives: Drives,
        host: Host,
        chardev: Callable[[str], Chardev],
        netdevs: Netdevs,
    ) -> None:
        self.host = host
        self.drives = drives
        #: the chardev of an ID, for one more user; raises MachineError
        self.chardev = chardev
        self.netdevs = netdevs
        #: images of flash banks, by number
        self.flashes: dict[int, FlashImage] = {}
        self.plugged: dict[Node, VirtioDevice] = {}
        self._unused: list[Image] = []
        #: network cards by their own IDs and by those of their networks
        self.cards: dict[str, VirtioNet] = {}
        self._globals = options.globals
        self._random_sources = options.random_sources
        self._seed = options.guest_seed
        self._ids: set[str] = set()
        #: consoles without a port, by the name of their bus
        self._consoles: dict[str, VirtioConsole] = {}
        self._console_count = 0
        slots = [node for node in device_nodes(tree) if VIRTIO_SLOT in node.strings("compatible")]
        slots.sort(key=lambda node: windows(node)[0][0])
        self._free = {f"{VIRTIO_BUS}.{number}": node for number, node in enumerate(slots)}

    def fill(self, devices: tuple[DeviceSpec, ...]) -> None:
        """Make all devices, those of `-drive if=virtio` last. Raises MachineError; `close` closes what was made."""
        drives = self.drives
        own = tuple(DeviceSpec("virtio-blk-device", (("drive", name),)) for name in drives.of("virtio").values())
        for unit, name in drives.of("pflash").items():
            self.flashes[unit] = FlashImage(self.host, open_image(drives.take(name)))
        for spec in (*devices, *own):
            model = find_device(spec.driver)
            assert model.plug
            model.plug(self, self._values(model, spec))
        # a mistake in a drive that no device uses is one too, and its file is in use as any other
        self._unused.extend(map(open_image, drives.take_rest()))
        for name in self.netdevs.unused():
            log.warning("netdev %s has no card: -device virtio-net-device,netdev=%s", name, name)

    def defaults(self, driver: str) -> Values:
        """What the properties of a device that is part of the board are set to."""
        model = find_model(driver)
        assert model
        return self._values(model, DeviceSpec(driver))

    def plug(self, device: VirtioDevice, values: Values) -> None:
        """Put a device into the slot that its properties name, or the next. Raises MachineError where there is none."""
        name = values["bus"] or next(reversed(self._free), "")
        node = self._free.pop(name, None)
        if node is None:
            device.close()
            if not name:
                raise MachineError("no virtio slot of the board is free")
            raise MachineError(f"no free virtio slot is called {name}{suggestion(name, self._free)}")
        self.plugged[node] = device
        device.withheld = (0 if values["event_idx"] else EVENT_IDX) | (0 if values["indirect_desc"] else INDIRECT_DESC)

    def offer_console(self, console: VirtioConsole, name: str) -> None:
        """Let a console take a port; its bus is called after the device, or numbered."""
        self._consoles[f"{name}.0" if name else f"{SERIAL_BUS}.{self._console_count}"] = console
        self._console_count += 1

    def take_console(self, bus: str) -> VirtioConsole:
        """The console of a bus, or the first, for its one port. Raises MachineError."""
        name = bus or next(iter(self._consoles), "")
        if name not in self._consoles:
            if not name:
                raise MachineError("a virtconsole needs a virtio-serial-device before it, for each")
            raise MachineError(f"no virtio-serial-device with a free port has the bus {name}")
        return self._consoles.pop(name)

    def random_bytes(self, name: str) -> Callable[[int], bytes]:
        """Gives so many random bytes at once, from the source of that ID if there is a name. Raises MachineError."""
        if name and name not in self._random_sources:
            raise MachineError(f"no -object has id={name}{suggestion(name, self._random_sources)}")
        return os.urandom if self._seed is None else Random(f"{self._seed} {name}").randbytes

    def close(self) -> None:
        """Let go of what the devices hold of the host."""
        for device in self.plugged.values():
            device.close()
        for flash in self.flashes.values():
            flash.close()
        for image in self._unused:
            image.close()
        self.plugged.clear()
        self.flashes.clear()
        self._unused.clear()

    def _values(self, model: Model, spec: DeviceSpec) -> Values:
        """The values of a device's properties: its own, else those of -global, else the model's."""
        values = {one.name: one.default for one in model.properties}
        for default in self._globals:
            if find_model(default.driver) is model:
                values.update(default.values)
        values.update(spec.values)
        for one in model.properties:
            one.check(model.name, values[one.name])
        name = values.get("id")
        if name:
            if name in self._ids:
                raise MachineError(f"-device: two devices are called {name}")
            self._ids.add(name)
        return values
