"""Virtio over memory-mapped registers: a slot, empty or with a device in it.

Source: Virtual I/O Device (VIRTIO) specification 1.2, section 4.2; 4.2.4 for the legacy interface. A driver must ignore
a device with DeviceID 0, which is how an empty slot looks.
"""

from __future__ import annotations

from typing import Any, Self

from pytcg.devices.base import Device, Line, Wiring
from pytcg.devices.registers import Register, RegisterArray
from pytcg.devices.virtio.device import VirtioDevice
from pytcg.devices.virtio.queue import Virtqueue
from pytcg.devices.wiring import unconnected
from pytcg.softmmu.regions import BusError

LEGACY, MODERN = 1, 2
CONFIG = 0x100
HALF = 0xFFFFFFFF
#: the areas of a queue in the order of their registers
AREAS = ("descriptors", "available", "used")
#: bytes of a descriptor, and of an entry of the available ring
DESCRIPTOR_SIZE, AVAILABLE_SIZE = 16, 2


class VirtioMmio(Device):
    """`legacy`: with the registers of version 1. `bank` is the version.

    Registers take aligned accesses of 32 bits; others read as zero and write nothing. The configuration space takes
    each size.
    """

    compatible = ("virtio,mmio",)
    sizes = (1, 2, 4)
    shared_sizes = (4,)
    state = ("device_state",)

    magic_value = Register(0x000, access="r", reset=int.from_bytes(b"virt", "little"))
    version = Register(0x004, access="r", doc="1: the legacy interface")
    device_id = Register(0x008, access="r", doc="0: no device")
    vendor_id = Register(0x00C, access="r", reset=int.from_bytes(b"QEMU", "little"))
    device_features = Register(0x010, access="r", doc="the half of the offered features that is selected")
    device_features_sel = Register(0x014, access="w")
    driver_features = Register(0x020, access="w", doc="the half of the chosen features that is selected")
    driver_features_sel = Register(0x024, access="w")
    guest_page_size = Register(0x028, access="w", bank=LEGACY)
    queue_sel = Register(0x030, access="w", doc="the queue that the registers below are about")
    queue_num_max = Register(0x034, access="r", doc="0: there is no such queue")
    queue_num = Register(0x038, access="w")
    queue_align = Register(0x03C, access="w", reset=4096, bank=LEGACY)
    queue_pfn = Register(0x040, bank=LEGACY, doc="page number of the queue's areas; 0 stops the queue")
    queue_ready = Register(0x044, bank=MODERN)
    queue_notify = Register(0x050, access="w", doc="number of the queue")
    interrupt_status = Register(0x060, access="r", doc="bit 0: used buffers; bit 1: configuration change")
    interrupt_ack = Register(0x064, access="w")
    status = Register(0x070, mask=0xFF, doc="0 resets the device")
    queue_areas = RegisterArray(0x080, lambda self: [(3, 0x10), (2, 4)], access="w", doc="low and high half of each")
    shm_sel = Register(0x0AC, access="w", bank=MODERN)
    shm_len_low = Register(0x0B0, access="r", reset=HALF, bank=MODERN, doc="-1: there is no shared memory")
    shm_len_high = Register(0x0B4, access="r", reset=HALF, bank=MODERN)
    shm_base_low = Register(0x0B8, access="r", reset=HALF, bank=MODERN)
    shm_base_high = Register(0x0BC, access="r", reset=HALF, bank=MODERN)
    config_generation = Register(0x0FC, access="r", bank=MODERN)

    def __init__(self, line: Line = unconnected, device: VirtioDevice | None = None, legacy: bool = True) -> None:
        self.device = device
        self.bank = LEGACY if legacy else MODERN
        if device:
            device.line, device.legacy = line, legacy
        super().__init__()

    @classmethod
    def create(cls, wiring: Wiring) -> Self:
        return cls(wiring.irq(0), wiring.plugged, wiring.legacy)

    def reset(self) -> None:
        super().reset()
        if self.device:
            self.device.reset()

    @property
    def device_state(self) -> dict[str, Any]:
        """The state of the device in the slot."""
        return self.device.save() if self.device else {}

    @device_state.setter
    def device_state(self, saved: dict[str, Any]) -> None:
        if self.device:
            self.device.restore(saved)

    def read(self, offset: int, size: int) -> int:
        if offset < CONFIG:
            return super().read(offset, size) if size == 4 and not offset & 3 else 0
        self._check(offset, size)
        start = offset - CONFIG
        return int.from_bytes(self.device.config()[start : start + size], "little") if self.device else 0

    def write(self, offset: int, size: int, value: int) -> None:
        if offset < CONFIG:
            if size == 4 and not offset & 3:
                super().write(offset, size, value)
            return
        self._check(offset, size)
        if self.device:
            self.device.write_config(offset - CONFIG, value.to_bytes(size, "little"))

    def _check(self, offset: int, size: int) -> None:
        if size not in self.sizes or offset & (size - 1):
            raise BusError(f"virtio configuration space: no access of {size} bytes at {offset - CONFIG:#x}")

    def _queue(self) -> Virtqueue | None:
        """The selected queue."""
        queues = self.device.queues if self.device else []
        return queues[self.queue_sel] if self.queue_sel < len(queues) else None

    @version.reads
    def _version(self) -> int:
        return self.bank

    @device_id.reads
    def _device_id(self) -> int:
        return self.device.device_id if self.device else 0

    @device_features.reads
    def _device_features(self) -> int:
        if not self.device or self.device_features_sel > 1:
            return 0
        return self.device.offered >> 32 * self.device_features_sel & HALF

    @driver_features.writes
    def _choose(self, value: int) -> None:
        if self.device and self.driver_features_sel <= 1:
            shift = 32 * self.driver_features_sel
            self.device.choose_features(self.device.negotiated & ~(HALF << shift) | value << shift)

    @queue_num_max.reads
    def _queue_num_max(self) -> int:
        queue = self._queue()
        return queue.limit if queue else 0

    @queue_num.writes
    def _set_queue_num(self, value: int) -> None:
        queue = self._queue()
        if queue and not queue.enabled:
            queue.size = value

    @queue_pfn.reads
    def _queue_page(self) -> int:
        queue = self._queue()
        return queue.descriptors // self._page_size() if queue and queue.enabled else 0

    @queue_pfn.writes
    def _set_queue_page(self, value: int) -> None:
        queue, device = self._queue(), self.device
        if not queue or not device:
            return
        # a queue that is in use lets go of its requests, so that none is given back to where it is next
        device.stop()
        if not value:
            queue.reset()
            return
        queue.descriptors = value * self._page_size()
        queue.available = queue.descriptors + DESCRIPTOR_SIZE * queue.size
        end = queue.available + 4 + AVAILABLE_SIZE * queue.size + 2
        queue.used = -(-end // self._alignment()) * self._alignment()
        device.enable(queue)

    def _page_size(self) -> int:
        return self.guest_page_size or 1

    def _alignment(self) -> int:
        return self.queue_align or 1

    @queue_ready.reads
    def _queue_ready(self) -> int:
        queue = self._queue()
        return int(queue.enabled) if queue else 0

    @queue_ready.writes
    def _set_queue_ready(self, value: int) -> None:
        queue, device = self._queue(), self.device
        if not queue or not device:
            return
        if value & 1 and not queue.enabled:
            device.enable(queue)
        elif not value & 1:
            device.stop()
            queue.reset()

    @queue_areas.writes
    def _set_area(self, value: int, index: int) -> None:
        queue, area, shift = self._queue(), AREAS[index // 2], 32 * (index % 2)
        if queue and not queue.enabled:
            address: int = getattr(queue, area)
            setattr(queue, area, address & ~(HALF << shift) | value << shift)

    @queue_notify.writes
    def _notify(self, value: int) -> None:
        if self.device:
            self.device.notify(value)

    @interrupt_status.reads
    def _interrupt_status(self) -> int:
        return self.device.interrupt_status if self.device else 0

    @interrupt_ack.writes
    def _acknowledge(self, value: int) -> None:
        if self.device:
            self.device.acknowledge(value)

    @status.reads
    def _status(self) -> int:
        return self.device.status if self.device else 0

    @status.writes
    def _set_status(self, value: int) -> None:
        # the registers of the slot itself stay at a reset: Linux sets the page size before it
        if self.device:
            self.device.set_status(value)

    @config_generation.reads
    def _generation(self) -> int:
        return self.device.generation if self.device else 0
