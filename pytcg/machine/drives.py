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
        counts: dict[str, int] = {}
        for drive in drives:
            number = counts[drive.interface] = counts.get(drive.interface, -1) + 1
            name = drive.id or f"{drive.interface}{number if drive.unit is None else drive.unit}"
            if name in self._by_id:
                raise MachineError(f"-drive: two drives are called {name}")
            self._by_id[name] = drive

    def of(self, interface: str) -> list[tuple[str, Drive]]:
        """The drives of an interface with their IDs, in the order of the command line."""
        return [(name, drive) for name, drive in self._by_id.items() if drive.interface == interface]

    def take(self, name: str) -> Drive:
        """The drive of that ID, which no other device may take afterwards. Raises MachineError."""
        if name not in self._by_id:
            raise MachineError(f"no -drive has id={name}{suggestion(name, self._by_id)}")
        if name in self._taken:
            raise MachineError(f"drive {name} is in use by another device")
        self._taken.add(name)
        return self._by_id[name]
