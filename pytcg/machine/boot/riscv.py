"""How a riscv64 machine starts: what goes where in memory, and the code in the boot ROM.

The ROM hands over what OpenSBI's fw_dynamic expects: a0 the hart, a1 the device tree, a2 a structure that says what the
firmware starts next (OpenSBI: docs/firmware/fw_dynamic.md). Placement is that of QEMU's board of the same name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from pytcg.machine.boot.elf import Elf
from pytcg.machine.boot.files import Loaded, Payload
from pytcg.machine.boot.image import Image
from pytcg.machine.boot.layout import Layout, Piece, align_up
from pytcg.machine.errors import MachineError

MakeTree = Callable[[tuple[int, int] | None], bytes]

MIB = 1 << 20
KERNEL_ALIGN = 2 * MIB
TREE_ALIGN = 2 * MIB
MAX_INITRD_OFFSET = 512 * MIB
BOOT_CODE_ROOM = 0x1000
#: a 32-bit firmware or an early page table reaches the tree below this
TREE_LIMIT = 3 << 30

CODE = (
    0x00000297,  # auipc t0, 0
    0x02828613,  # addi a2, t0, 40      the fw_dynamic structure
    0xF1402573,  # csrr a0, mhartid
    0x0202B583,  # ld a1, 32(t0)        the device tree
    0x0182B283,  # ld t0, 24(t0)        where to go
    0x00028067,  # jr t0
)
FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION = 0x4942534F, 2
SUPERVISOR = 1


def boot_rom(start: int, tree: int, next_start: int, boot_hart: int) -> bytes:
    """The boot ROM's contents: the firmware's start, the tree's address, what the firmware starts, and where."""
    info = (FW_DYNAMIC_MAGIC, FW_DYNAMIC_VERSION, next_start, SUPERVISOR, 0, boot_hart)
    return struct.pack(f"<{len(CODE)}I", *CODE) + struct.pack("<8Q", start, tree, *info)


def _place(layout: Layout, loaded: Loaded, address: int) -> tuple[int, int]:
    """Put code into memory, at `address` if it has no place of its own; its entry and the address after it."""
    if isinstance(loaded.code, Elf):
        return loaded.code.entry, layout.put_elf(loaded.name, loaded.code)
    if isinstance(loaded.code, Image):
        image = loaded.code
        start = layout.start + image.text_offset
        start += align_up(max(address - start, 0), KERNEL_ALIGN)
        return start, layout.put(loaded.name, start, image.data, image.size).end
    return address, layout.put(loaded.name, address, loaded.code).end


def place(
    payload: Payload, layout: Layout, rom: int | None, boot_hart: int, make_tree: MakeTree, flash: int | None = None
) -> int:
    """Put everything in its place and return the address of the first instruction.

    `rom` is where the boot ROM is; a board without one starts in RAM, just below the device tree. `boot_hart`: on which
    the firmware starts the kernel. `make_tree` gives the device tree for the (start, end) of an initial RAM disk.
    `flash`: where what lies in flash starts. Raises MachineError where something does not fit.
    """
    start, end = layout.start, layout.start
    if payload.firmware:
        start, end = _place(layout, payload.firmware, layout.start)
    kernel = align_up(end, KERNEL_ALIGN)
    for loaded in payload.extra:
        if loaded.address is None and not isinstance(loaded.code, Elf | Image):
            raise MachineError(f"-device loader,file={loaded.name}: a raw file needs addr=")
        _place(layout, loaded, loaded.address or 0)
    initrd = None
    if flash is not None and payload.firmware:
        # what lies in flash gets kernel and initial RAM disk by fw_cfg
        kernel = flash
    elif payload.kernel:
        kernel, _ = _place(layout, payload.kernel, end)
    elif not layout.covers(kernel):
        kernel = 0
    if payload.initrd and kernel != flash:
        at = layout.pieces[-1].address + min((layout.end - layout.start) // 2, MAX_INITRD_OFFSET)
        initrd = (at, layout.put("the initial RAM disk", at, payload.initrd).end)
    blob = make_tree(initrd)
    limit = min(layout.end, TREE_LIMIT) if layout.start < TREE_LIMIT else layout.end
    tree = layout.put("the device tree", (limit - len(blob)) & -TREE_ALIGN, blob).address
    if not payload.firmware:
        start = kernel or start if flash is None else flash
    code = boot_rom(start, tree, kernel, boot_hart)
    if rom is None:
        return layout.put("the boot code", tree - BOOT_CODE_ROOM, code).address
    layout.pieces.append(Piece("the boot ROM", rom, code, len(code)))
    return rom
