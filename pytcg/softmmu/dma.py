"""Guest memory as devices that are bus masters see it: RAM and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.softmmu.regions import AddressSpace, BusError, Ram


class Dma:
    """Reads and writes RAM by guest physical address.

    A device's registers answer no other device, so a driver that aims a transfer at them gets an error. `changed` is
    told of ranges of RAM that were written.
    """

    def __init__(self, memory: AddressSpace, changed: Callable[[int, int], None]) -> None:
        self._memory = memory
        self._changed = changed
        self._recent: Ram | None = None

    def view(self, address: int, size: int) -> memoryview:
        """The `size` bytes of RAM at an address, to be read in place. Raises BusError where they are not all RAM.

        Who writes to it tells `written` afterwards.
        """
        region = self._recent
        if region is None or not region.base <= address <= address + size <= region.end:
            found = self._memory.find(address)
            if not isinstance(found, Ram) or address + size > found.end:
                raise BusError(f"no RAM holds the {size} bytes at {address:#x}")
            self._recent = region = found
        at = address - region.base
        return region.buffer[at : at + size]

    def written(self, address: int, size: int) -> None:
        """A device has written to that range of RAM: whatever was derived from its contents is to be dropped."""
        self._changed(address, size)

    def read(self, address: int, size: int) -> bytes:
        """A copy of RAM. Raises BusError."""
        return bytes(self.view(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Write to RAM. Raises BusError."""
        self.view(address, len(data))[:] = data
        self.written(address, len(data))

    def clear(self, address: int, size: int) -> None:
        """Zero RAM, without as many bytes of the host. Raises BusError."""
        self.view(address, size)
        self._memory.clear(address, size)
        self.written(address, size)
