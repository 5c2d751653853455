"""Says by its content what a kernel file is: an Image, one packed by gzip, or an ELF executable."""

from __future__ import annotations

import re
import zlib

from pytcg.machine.boot.contents import Contents
from pytcg.machine.boot.elf import MAGIC as ELF_MAGIC
from pytcg.machine.boot.elf import Elf, read_elf
from pytcg.machine.boot.image import Image, image_architecture, read_image
from pytcg.machine.errors import MachineError

GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31
MAX_UNPACKED = 1 << 30

#: what else users hand over as a kernel: (offset, magic, what it is)
FOREIGN = (
    (0x202, b"HdrS", "a Linux kernel for x86"),
    (0, b"\x27\x05\x19\x56", "a U-Boot uImage, not the Image inside it"),
    (4, b"zimg", "an EFI zboot image, not the Image inside it"),
    (0, b"\xd0\x0d\xfe\xed", "a device tree blob (or a FIT image)"),
    (0, b"070701", "a cpio archive, as initial RAM disks are"),
    (0, b"\xfd7zXZ\0", "packed by xz: unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "packed by zstd: unpack it first"),
    (0, b"BZh", "packed by bzip2: unpack it first"),
    (0, b"\x02\x21\x4c\x18", "packed by lz4: unpack it first"),
    (0, b"!<arch>\n", "an archive or a Debian package, not a file in it"),
    (0, b"#!", "a script"),
    (0x24, b"\x18\x28\x6f\x01", "a Linux zImage for 32-bit ARM"),
    (0, b"MZ", "an EFI or Windows program, not an Image"),
)

#: the banner of U-Boot, whose builds for S-mode are raw code for the usual place of a kernel, and a name it knows
U_BOOT, RISCV_TREE, U_BOOT_OFFSET = rb"U-Boot 20\d\d\.", rb"riscv,", 0x200000


def recognise(data: Contents) -> Image | Elf:
    """The kernel in the bytes of a file. Raises MachineError whose message is what the file is instead ("a script")."""
    packed = data[:2] == GZIP_MAGIC
    if packed:
        data = _unpack(data)
    arch = image_architecture(data)
    if arch:
        return read_image(arch, data)
    if data[:4] == ELF_MAGIC:
        return read_elf(data)
    if not packed and re.search(U_BOOT, data) and re.search(RISCV_TREE, data):
        return Image("riscv64", U_BOOT_OFFSET, data, len(data))
    raise MachineError(("gzip of " if packed else "") + _what_else(data))


def _unpack(data: Contents) -> bytes:
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        result = unpacker.decompress(data, MAX_UNPACKED)
    except zlib.error:
        raise MachineError("a damaged gzip file") from None
    if unpacker.eof:
        return result
    raise MachineError("a gzip file of more than 1 GiB" if unpacker.unconsumed_tail else "a gzip file cut short")


def _what_else(data: Contents) -> str:
    if not data:
        return "an empty file"
    for offset, magic, name in FOREIGN:
        if data[offset : offset + len(magic)] == magic:
            return name
    return "neither an Image nor an ELF executable (raw code goes to -bios or -device loader)"
