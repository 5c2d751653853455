"""Reads the files that a machine starts from and says which guest they are for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pytcg.machine.boot.contents import Contents, read_file
from pytcg.machine.boot.detect import recognise
from pytcg.machine.boot.elf import MAGIC as ELF_MAGIC
from pytcg.machine.boot.elf import Elf, read_elf
from pytcg.machine.boot.image import Image
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.options import Options
from pytcg.machine.resources import architectures, resource

DEFAULT_ARCH = "riscv64"


class Loaded(NamedTuple):
    """A file of code: an executable that knows its place, or bytes for `address` (None: the usual place)."""

    name: str
    code: Elf | Image | Contents
    address: int | None = None


class Payload(NamedTuple):
    """All that is put into memory before the start, for guests of `arch`."""

    arch: str
    firmware: Loaded | None = None
    kernel: Loaded | None = None
    initrd: Contents = b""
    extra: tuple[Loaded, ...] = ()
    #: the first bank of flash has an image, which is what starts: after the firmware, if there is one
    in_flash: bool = False

    @property
    def symbols(self) -> dict[str, int]:
        """Where the executables have those of elf.SYMBOLS; the kernel's win."""
        parts = [part.code for part in (self.firmware, *self.extra, self.kernel) if part]
        return {name: at for code in parts if isinstance(code, Elf) for name, at in code.symbols.items()}


def _code(path: Path, what: str, raw: bool) -> Elf | Contents:
    """An executable, or with anything else its bytes."""
    data = read_file(path, what)
    if raw or data[:4] != ELF_MAGIC:
        if not data:
            raise MachineError(f"{path} is an empty file")
        return data
    try:
        return read_elf(data)
    except MachineError as error:
        raise MachineError(f"{path} is {error}") from None


def _kernel(path: Path) -> Loaded:
    try:
        return Loaded(f"the kernel {path}", recognise(read_file(path, "kernel")))
    except MachineError as error:
        text = str(error)
        raise MachineError(text if text.startswith("cannot") else f"{path} is not a kernel: it is {text}") from None


def _arch(loaded: Loaded) -> str:
    return loaded.code.arch if isinstance(loaded.code, Elf | Image) else ""


def read_payload(options: Options, in_flash: bool = False) -> Payload:
    """Read all files that `options` name. Raises MachineError naming the file and what is wrong with it.

    `in_flash`: see Payload. Without a kernel and with the firmware that comes along, the demo kernel is started.
    """
    kernel = _kernel(options.kernel) if options.kernel else None
    extra = tuple(
        Loaded(str(loader.file), _code(loader.file, "file", loader.raw), loader.address) for loader in options.loaders
    )
    firmware = None
    if options.bios not in ("default", "none"):
        path = Path(options.bios)
        firmware = Loaded(f"the firmware {path}", _code(path, "firmware", False))
    parts = [part for part in (kernel, firmware, *extra) if part and _arch(part)]
    arch = options.arch or (_arch(parts[0]) if parts else DEFAULT_ARCH)
    for part in parts:
        if _arch(part) != arch:
            raise MachineError(f"{part.name} is for {_arch(part)}, and the machine is {arch}")
    if arch not in architectures():
        who = f"{parts[0].name} is for {arch}" if parts else f"no guest architecture {arch}"
        raise MachineError(f"{who}: there is only {', '.join(architectures())}{suggestion(arch, architectures())}")
    if options.bios == "default":
        path = resource("firmware", "images", arch, "sbi.elf")
        firmware = Loaded("the firmware", _code(path, "firmware", False))
        if kernel is None and not extra and not in_flash:
            kernel = _kernel(resource("firmware", "images", arch, "demo.Image"))
    elif kernel is None and firmware is None and not extra and not in_flash:
        raise MachineError("nothing to start: -bios none needs -kernel or -device loader")
    initrd = read_file(options.initrd, "initial RAM disk") if options.initrd else b""
    if options.initrd and kernel is None:
        raise MachineError("-initrd needs -kernel")
    return Payload(arch, firmware, kernel, initrd, extra, in_flash)
