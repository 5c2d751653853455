"""What firmware finds on the board: the flash that it may lie in, and the items of fw_cfg."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from pytcg.devices.fw_cfg import NAME_LIMIT, Item, directory
from pytcg.machine.boot.contents import Contents, read_file
from pytcg.machine.boot.files import Payload
from pytcg.machine.boot.image import Image
from pytcg.machine.description import device_nodes, windows
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Drive, FirmwareFile
from pytcg.machine.tree import Tree

FLASH = "cfi-flash"


def flash_start(tree: Tree, flashes: Mapping[int, Drive]) -> int | None:
    """Where the first bank of flash is, if an image is in it. Raises MachineError where the board has no such banks."""
    banks = [window for node in device_nodes(tree) if FLASH in node.strings("compatible") for window in windows(node)]
    for unit, drive in flashes.items():
        if not 0 <= unit < len(banks):
            raise MachineError(f"no flash for {drive.file}: the board has {len(banks)} banks, numbered from 0")
    return banks[0][0] if 0 in flashes else None


def firmware_items(
    payload: Payload, append: str, files: Iterable[FirmwareFile], memory: int, cpus: int
) -> dict[int, Contents]:
    """The items of fw_cfg by number; the kernel is among them if firmware in flash starts it. Raises MachineError."""
    items: dict[int, Contents] = {
        Item.RAM_SIZE: memory.to_bytes(8, "little"),
        Item.NOGRAPHIC: b"\1\0",
        Item.CPUS: cpus.to_bytes(2, "little"),
        Item.MAX_CPUS: cpus.to_bytes(2, "little"),
        Item.BOOT_MENU: b"\0\0",
    }
    if payload.in_flash and payload.firmware:
        kernel = payload.kernel.code if payload.kernel else b""
        data: Contents = kernel.data if isinstance(kernel, Image) else b""
        for size, number, value in (
            (Item.KERNEL_SIZE, Item.KERNEL_DATA, data),
            (Item.INITRD_SIZE, Item.INITRD_DATA, payload.initrd),
            (Item.CMDLINE_SIZE, Item.CMDLINE_DATA, os.fsencode(f"{append}\0") if append else b""),
        ):
            items[size] = len(value).to_bytes(4, "little")
            # a copy: reading the mapping of a file that has got shorter would end the run
            items[number] = bytes(value)
    return {**items, **directory({file.name: _contents(file) for file in files})}


def _contents(file: FirmwareFile) -> Contents:
    if not file.name or len(os.fsencode(file.name)) > NAME_LIMIT:
        raise MachineError(f"-fw_cfg name={file.name}: a name has 1 to {NAME_LIMIT} bytes")
    return os.fsencode(file.text) if file.path is None else bytes(read_file(file.path, "fw_cfg file"))
