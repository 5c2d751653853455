"""The devices that `-device` can add: THE table, which help, the parser and the machine derive from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytcg.machine import makers
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.makers import Values

if TYPE_CHECKING:
    from pytcg.machine.plugging import Plugboard


@dataclass(frozen=True)
class Property:
    """A property of a device; `kind` is its type as QEMU's help calls it: str, bool, size, uint16, uint32."""

    name: str
    kind: str
    default: Any = None
    help: str = ""
    #: the least and the largest power of two that it may be
    powers: tuple[int, int] | None = None

    def describe(self) -> str:
        """The line of `-device NAME,help`."""
        text = f"  {f'{self.name}=<{self.kind}>':<23}"
        if self.help:
            text += f" - {self.help}"
        if self.default not in (None, ""):
            text += f"{'' if self.help else ' -'} (default: {str(self.default).lower()})"
        return text.rstrip()

    def check(self, model: str, value: Any) -> None:
        """Raises MachineError for a value that it may not have."""
        if self.powers:
            least, largest = self.powers
            if not least <= value <= largest or value & (value - 1):
                raise MachineError(f"{model},{self.name}={value}: a power of two from {least} to {largest}")


@dataclass(frozen=True)
class Model:
    """A kind of device.

    `plug` makes one from the values of all its properties and puts it in its place; without it the device is part of a
    board, and only `-global` reaches it.
    """

    name: str
    category: str
    bus: str
    help: str
    properties: tuple[Property, ...]
    plug: Callable[[Plugboard, Values], None] | None
    aliases: tuple[str, ...] = ()

    def property(self, name: str) -> Property:
        """The property of that name. Raises MachineError."""
        for one in self.properties:
            if one.name == name:
                return one
        near = suggestion(name, (one.name for one in self.properties))
        raise MachineError(f"{self.name} has no property {name!r}{near}: -device {self.name},help lists them")


#: of all devices that are put into a virtio slot
IN_A_SLOT = (
    Property("id", "str", help="name of the device"),
    Property("bus", "str", help="virtio-mmio-bus.N, the slot N from the lowest address; otherwise the highest free"),
    Property("indirect_desc", "bool", True),
    Property("event_idx", "bool", True),
)

QUEUE_SIZES = (4, 1024)

MODELS: tuple[Model, ...] = (
    Model(
        "virtio-blk-device",
        "Storage",
        "virtio-bus",
        "Virtio block device",
        (
            Property("drive", "str", help="ID of a -drive to use as a backend"),
            Property("serial", "str", "", help="up to 20 characters"),
            Property("logical_block_size", "size", 512, "A power of two between 512 B and 4 KiB", (512, 4096)),
            Property("queue-size", "uint16", 256, powers=QUEUE_SIZES),
            Property("discard", "bool", True),
            Property("write-zeroes", "bool", True),
            *IN_A_SLOT,
        ),
        makers.block,
        ("virtio-blk",),
    ),
    Model(
        "virtio-net-device",
        "Network",
        "virtio-bus",
        "Virtio network card",
        (
            Property("netdev", "str", help="ID of a netdev to use as a backend"),
            Property("mac", "str", help="Ethernet 6-byte MAC Address, example: 52:54:00:12:34:56"),
            Property("host_mtu", "uint16", 0, "what the guest is told to use; 0: nothing"),
            Property("rx_queue_size", "uint16", 256, powers=QUEUE_SIZES),
            Property("tx_queue_size", "uint16", 256, powers=QUEUE_SIZES),
            *(Property(name, "bool", True) for name in makers.NETWORK_FEATURES),
            *IN_A_SLOT,
        ),
        makers.network,
        ("virtio-net",),
    ),
    Model(
        "virtio-serial-device",
        "Input",
        "virtio-bus",
        "Virtio console with one port, a virtconsole",
        IN_A_SLOT,
        makers.serial,
        ("virtio-serial",),
    ),
    Model(
        "virtconsole",
        "Input",
        "virtio-serial-bus",
        "Port of a virtio-serial-device: the guest's hvc0 and so on",
        (
            Property("chardev", "str", help="ID of a chardev to use as a backend"),
            Property("id", "str", help="name of the device"),
            Property("bus", "str", help="ID.0 of a virtio-serial-device; otherwise the first that is free"),
        ),
        makers.port,
    ),
    Model(
        "virtio-rng-device",
        "Misc",
        "virtio-bus",
        "Virtio entropy device",
        (Property("rng", "str", help="ID of an -object rng-random; without one the same numbers"), *IN_A_SLOT),
        makers.random,
        ("virtio-rng",),
    ),
    Model(
        "virtio-mmio",
        "Misc",
        "System",
        "Virtio transport; part of the board",
        (Property("force-legacy", "bool", True, help="off: virtio 1 instead of the legacy interface"),),
        None,
    ),
)


def find_model(name: str) -> Model | None:
    """The model of that name; None where there is none."""
    return next((model for model in MODELS if name == model.name or name in model.aliases), None)


def find_device(name: str) -> Model:
    """The model of a name that -device takes. Raises MachineError."""
    models = {known: model for model in MODELS if model.plug for known in (model.name, *model.aliases)}
    if name not in models:
        raise MachineError(f"no device {name!r}{suggestion(name, [*models, 'loader'])}: -device help lists them")
    return models[name]


def devices_help() -> str:
    """The text of `-device help`."""
    lines = []
    for category in dict.fromkeys(model.category for model in MODELS if model.plug):
        lines += ["", f"{category} devices:"]
        for model in MODELS:
            if model.category == category and model.plug:
                aliases = "".join(f', alias "{alias}"' for alias in model.aliases)
                lines.append(f'name "{model.name}", bus {model.bus}{aliases}, desc "{model.help}"')
    return "\n".join(lines[1:])


def properties_help(model: Model) -> str:
    """The text of `-device NAME,help`."""
    return "\n".join([f"{model.name} options:", *sorted(one.describe() for one in model.properties)])
