"""A virtio transport slot with nothing in it.

Source: Virtual I/O Device (VIRTIO) specification 1.1, section 4.2: a driver must ignore a device with DeviceID 0.
"""

from __future__ import annotations

from pytcg.devices.base import Device
from pytcg.devices.registers import Register


class VirtioMmio(Device):
    """An empty slot: everything that is not declared reads as zero, and writes are ignored."""

    compatible = ("virtio,mmio",)
    sizes = (1, 2, 4)

    magic_value = Register(0x000, access="r", reset=int.from_bytes(b"virt", "little"))
    version = Register(0x004, access="r", reset=1, doc="1: the legacy interface")
    device_id = Register(0x008, access="r", doc="0: no device")
    vendor_id = Register(0x00C, access="r", reset=int.from_bytes(b"QEMU", "little"))
