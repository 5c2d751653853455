"""Opens the images of `-drive`, each for one device."""

from __future__ import annotations

from collections.abc import Iterable

from pytcg.block.image import Image, ImageError, RawImage
from pytcg.block.overlay import Overlay
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.options import Drive


def open_image(drive: Drive) -> Image:
    """The image of a drive. Raises MachineError naming the file and what is wrong with it."""
    try:
        image = RawImage(drive.file, drive.readonly or drive.snapshot, drive.locking, drive.discard)
        if not drive.snapshot:
            return image
        try:
            return Overlay(image, drive.readonly)
        except ImageError:
            image.close()
            raise
    except ImageError as error:
        raise MachineError(str(error)) from None


class Drives:
    """The drives of a machine, by their IDs; one without an ID gets one from its interface and number."""

    def __init__(self, drives: Iterable[Drive]) -> None:
        self._by_id: dict[str, Drive] = {}
        self._taken: set[str] = set()
        #: by interface, the IDs of its drives by unit
        self._units: dict[str, dict[int, str]] = {}
        for drive in drives:
            units = self._units.setdefault(drive.interface, {})
            unit = max(units, default=-1) + 1 if drive.unit is None else drive.unit
            name = drive.id or f"{drive.interface}{unit}"
            if name in self._by_id or unit in units:
                raise MachineError(f"-drive file={drive.file}: another drive is {name}, unit {unit}")
            self._by_id[name] = drive
            units[unit] = name

    def of(self, interface: str) -> dict[int, str]:
        """The IDs of an interface's drives, by unit."""
        return self._units.get(interface, {})

    def units(self, interface: str) -> dict[int, Drive]:
        """An interface's drives, by unit."""
        return {unit: self._by_id[name] for unit, name in self.of(interface).items()}

    def take(self, name: str) -> Drive:
        """The drive of that ID, which no other device may take afterwards. Raises MachineError."""
        if name not in self._by_id:
            raise MachineError(f"no -drive has id={name}{suggestion(name, self._by_id)}")
        if name in self._taken:
            raise MachineError(f"drive {name} is in use by another device")
        self._taken.add(name)
        return self._by_id[name]

    def take_rest(self) -> list[Drive]:
        """The drives that no device has taken."""
        return [self.take(name) for name in self._by_id if name not in self._taken]
