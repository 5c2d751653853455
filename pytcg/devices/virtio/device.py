"""What all virtio devices have in common: status, features, queues, interrupts, and what happens after an error.

Source: Virtual I/O Device (VIRTIO) specification 1.2, chapters 2 and 3. A transport turns accesses into calls of this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from pytcg.devices.virtio.queue import Chain, DriverError, Virtqueue
from pytcg.devices.wiring import Line, Loop, unconnected
from pytcg.softmmu.dma import Dma

log = logging.getLogger("pytcg")

DRIVER_OK, FEATURES_OK, NEEDS_RESET = 4, 8, 64
ANY_LAYOUT, INDIRECT_DESC, EVENT_IDX, VERSION_1 = 1 << 27, 1 << 28, 1 << 29, 1 << 32
QUEUE_INTERRUPT, CONFIG_INTERRUPT = 1, 2
DEFAULT_QUEUE_SIZE = 256

Result = TypeVar("Result")


class WorkGroup(Protocol):
    """Threads for what may block, see `exec/events/workers.py`."""

    def submit(self, work: Callable[[], Result], done: Callable[[Result], None]) -> None: ...

    def abandon(self) -> None: ...


@dataclass
class Host:
    """What a virtio device uses of the machine around it."""

    memory: Dma
    loop: Loop
    #: makes a group of work for one device
    work_group: Callable[[], WorkGroup]


class VirtioDevice:
    """A device without its transport. Methods are called with the machine's lock held.

    `legacy` is set by the transport.
    """

    #: the device's number, chapter 5
    device_id: ClassVar[int]
    #: largest size of each queue
    queue_sizes: Sequence[int] = ()

    def __init__(self, host: Host) -> None:
        """To be called last by a subclass: it makes the queues and resets the device."""
        self.host = host
        self.legacy = False
        #: features that are not to be offered
        self.withheld = 0
        self.line: Line = unconnected
        #: a driver that makes mistakes without end is told of one
        self._complained = False
        self.queues = [Virtqueue(host.memory, index, size) for index, size in enumerate(self.queue_sizes)]
        self.reset()

    @property
    def features(self) -> int:
        """The features of this kind of device that are offered."""
        return 0

    def config(self) -> bytes:
        """The configuration space as the driver reads it."""
        return b""

    def write_config(self, offset: int, data: bytes) -> None:
        """The driver writes to the configuration space."""

    def handle(self, queue: Virtqueue) -> None:
        """The driver has put requests into a queue. Raises DriverError where it did so wrongly."""

    def stop(self) -> None:
        """Let go of the requests under way; nothing of theirs may reach the guest's memory afterwards."""

    def close(self) -> None:
        """At the end of the run: let go of the host's resources."""

    @property
    def offered(self) -> int:
        """All features that the driver may choose from."""
        common = INDIRECT_DESC | EVENT_IDX | (ANY_LAYOUT if self.legacy else VERSION_1)
        return (self.features | common) & ~self.withheld

    def reset(self) -> None:
        """Back to the state before a driver came."""
        self.stop()
        self.status = 0
        #: features that the driver has chosen
        self.negotiated = 0
        self.interrupt_status = 0
        self.generation = 0
        #: queues that the driver notified of before it said DRIVER_OK
        self._early: set[int] = set()
        for queue in self.queues:
            queue.reset()
        self.line(False)

    def save(self) -> dict[str, Any]:
        """The state, as plain values."""
        names = ("status", "negotiated", "interrupt_status", "generation")
        return {**{name: getattr(self, name) for name in names}, "queues": [queue.save() for queue in self.queues]}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `save` gave."""
        values = dict(saved)
        states = values.pop("queues")
        for name, value in values.items():
            setattr(self, name, value)
        for queue, state in zip(self.queues, states, strict=True):
            queue.restore(state, self.has(EVENT_IDX), self.has(INDIRECT_DESC))
        self.line(bool(self.interrupt_status))

    def has(self, feature: int) -> bool:
        """Whether a feature (its bit) is in use."""
        return bool(self.negotiated & feature)

    def choose_features(self, chosen: int) -> None:
        """The driver says which features it takes, before it says FEATURES_OK."""
        if not self.status & FEATURES_OK:
            self.negotiated = chosen & self.offered if self.legacy else chosen

    def set_status(self, value: int) -> None:
        """The driver writes the status; 0 is a reset."""
        if not value:
            self.reset()
            return
        if value & FEATURES_OK and not self.status & FEATURES_OK and self.negotiated & ~self.offered:
            value &= ~FEATURES_OK
        started = value & DRIVER_OK and not self.status & DRIVER_OK
        self.status = value | self.status & NEEDS_RESET
        if started:
            early, self._early = self._early, set()
            for index in sorted(early):
                self.serve(self.queues[index])

    def enable(self, queue: Virtqueue) -> None:
        """The driver has set a queue up."""
        try:
            queue.enable(self.has(EVENT_IDX), self.has(INDIRECT_DESC))
        except DriverError as error:
            self.fail(error)

    def notify(self, index: int) -> None:
        """The driver has put requests into a queue.

        They are taken at once, on the vCPU's thread: a driver that polls, without a barrier before it looks whether to
        notify, then finds that answered. What may block is for a work group.
        """
        if index < len(self.queues):
            if self.running:
                self.serve(self.queues[index])
            else:
                self._early.add(index)

    def complete(self, queue: Virtqueue, chain: Chain, written: int) -> None:
        """Give a request back; `written` bytes of its buffers were written."""
        self.complete_all(queue, (chain, written))

    def complete_all(self, queue: Virtqueue, *done: tuple[Chain, int]) -> None:
        """Give requests back at once, each with how many bytes of its buffers were written."""
        queue.push(*done)
        if queue.wants_interrupt():
            self._interrupt(QUEUE_INTERRUPT)

    def config_changed(self) -> None:
        """Tell the driver that the configuration space has changed."""
        self.generation = self.generation + 1 & 0xFFFFFFFF
        if self.status & DRIVER_OK:
            self._interrupt(CONFIG_INTERRUPT)

    def acknowledge(self, mask: int) -> None:
        """The driver has seen those interrupts."""
        self.interrupt_status &= ~mask
        self.line(bool(self.interrupt_status))

    def fail(self, error: DriverError) -> None:
        """Do nothing more until the driver resets the device, and say so (section 2.1.2)."""
        if not self._complained:
            self._complained = True
            log.warning("%s stops until it is reset: %s", type(self).__name__, error)
        self.status |= NEEDS_RESET
        self.config_changed()

    @property
    def running(self) -> bool:
        """Whether requests are served. Legacy drivers may send some before they say DRIVER_OK (section 3.1.1)."""
        return not self.status & NEEDS_RESET and bool(self.legacy or self.status & DRIVER_OK)

    def serve(self, queue: Virtqueue) -> None:
        """Handle what is in a queue, if the device is running."""
        if self.running:
            try:
                self.handle(queue)
            except DriverError as error:
                self.fail(error)

    def _interrupt(self, reason: int) -> None:
        self.interrupt_status |= reason
        self.line(True)
