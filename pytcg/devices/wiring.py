"""What a device is connected to, told apart from what it is: the machine fills a `Wiring` from the device tree."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytcg.devices.chardev import Chardev, NullChardev
from pytcg.softmmu.dma import Dma

if TYPE_CHECKING:
    from pytcg.devices.flash_image import FlashImage
    from pytcg.devices.virtio.device import VirtioDevice

#: an interrupt line: called with the new level
Line = Callable[[bool], None]


def unconnected(level: bool) -> None:
    """A line that leads nowhere."""


class Timer(Protocol):
    """A timer of the event loop; times are `time.monotonic_ns`."""

    def arm(self, deadline: int) -> None: ...

    def cancel(self) -> None: ...


class Loop(Protocol):
    """What devices use of the event loop. Callbacks run with the machine's lock held."""

    def timer(self, callback: Callable[[], None]) -> Timer: ...

    def call_soon(self, callback: Callable[[], None]) -> None: ...


class Clock(Protocol):
    """Guest time, see `exec/events/clock.py`."""

    timebase_hz: int

    def ticks(self) -> int: ...

    def set_ticks(self, value: int) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def ns(self) -> int: ...

    def deadline(self, ticks: int) -> int: ...

    def deadline_ns(self, ns: int) -> int: ...


class Memory(Protocol):
    """Guest physical memory, for devices that are bus masters. Raises BusError."""

    def read(self, address: int, size: int) -> int: ...

    def write(self, address: int, size: int, value: int) -> None: ...

    def watch(self, address: int, size: int, stored: Callable[[], None]) -> None: ...


@dataclass
class Wiring:
    """The surroundings of one device node."""

    clock: Clock
    loop: Loop
    memory: Memory
    #: the same for devices that move data by themselves
    dma: Dma
    #: guest physical address and size in bytes of each window of the node's `reg`
    windows: Sequence[tuple[int, int]] = ()
    #: lines in the order of the node's `interrupts` or `interrupts-extended`; `unconnected` where one leads nowhere
    irqs: Sequence[Line] = ()
    #: the other properties of the node, as raw bytes (big-endian cells)
    properties: dict[str, bytes] = field(default_factory=dict)
    #: the other end of a serial port
    chardev: Chardev = field(default_factory=NullChardev)
    #: images of flash banks, by number
    flashes: Mapping[int, FlashImage] = field(default_factory=dict)
    #: what firmware is told, by fw_cfg's numbers
    firmware_items: Mapping[int, bytes | memoryview] = field(default_factory=dict)
    #: the device in a virtio slot, and whether it has the legacy interface
    plugged: VirtioDevice | None = None
    legacy: bool = True
    #: the date at the start, in nanoseconds since 1970
    epoch_ns: int = field(default_factory=time.time_ns)
    #: the guest ends the run with an exit status
    shutdown: Callable[[int], None] = lambda status: None
    #: the guest asks for a reset of the machine
    reset: Callable[[], None] = lambda: None

    def irq(self, index: int) -> Line:
        """Line `index`, which leads nowhere when the node names no such interrupt."""
        return self.irqs[index] if index < len(self.irqs) else unconnected

    def number(self, name: str, default: int) -> int:
        """A property of the node as an unsigned number; `default` when it is absent."""
        return int.from_bytes(self.properties[name], "big") if self.properties.get(name) else default
