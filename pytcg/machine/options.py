"""What a machine can be asked for, as a value: the command line makes one, and so may a program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytcg.machine.chardevs.backends import CharacterDevice
from pytcg.machine.netdevs.backends import Netdev

#: options of -M that are there on every board
EVERY_BOARD = ("type", "accel")


@dataclass(frozen=True)
class Loader:
    """`-device loader`: a file put into memory before the start. ELF files know their place; `raw`: treat as bytes."""

    file: Path
    address: int | None = None
    raw: bool = False


@dataclass(frozen=True)
class Drive:
    """`-drive`: a disk image of the host, as it is, for the device that names its `id` or for what `interface` says."""

    file: Path
    #: "none": for a -device; "virtio": for a virtio-blk-device of its own; "pflash": for the board's flash `unit`
    interface: str = "virtio"
    id: str = ""
    unit: int | None = None
    readonly: bool = False
    #: what the guest writes is gone at the end
    snapshot: bool = False
    #: "flush", "always" or "never": when the host brings writes to stable storage, see `devices/virtio/blk.py`
    sync: str = "flush"
    #: whether discarded blocks give their room back
    discard: bool = True
    #: whether others that lock the file are kept out
    locking: bool = True


@dataclass(frozen=True)
class FirmwareFile:
    """`-fw_cfg`: a named file that firmware can read, from a file of the host or a text."""

    name: str
    path: Path | None = None
    text: str = ""


@dataclass(frozen=True)
class DeviceSpec:
    """`-device`: a name from the table of models, and values of some of its properties."""

    driver: str
    values: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Accelerator:
    """`-accel`: the backend ("" is the host's own), whether executed instructions are counted, caches."""

    #: "tcg", or one that is not there
    name: str = "tcg"
    backend: str = ""
    count: bool = False
    #: where translations are kept between runs: "on" is the user's cache directory, "off" nowhere, else a directory
    cache: str = "on"
    #: MiB of host code, after which translation starts over
    code_mib: int = 256


@dataclass(frozen=True)
class Icount:
    """`-icount`: an instruction takes 1 << `shift` ns; `sleep`: an idle guest is given the time that it waits for."""

    shift: int
    sleep: bool = True


@dataclass(frozen=True)
class Options:
    """One machine."""

    #: name of a board, or path of a .dts or .dtb
    board: str = "virt"
    #: (name, value) of options that the board itself has
    board_options: tuple[tuple[str, str], ...] = ()
    #: architecture of the guest; "" is found from the kernel
    arch: str = ""
    #: bytes of memory, number of CPUs; None: as the board has it
    memory: int | None = None
    cpus: int | None = None
    #: CPU model and its properties: "rv64,zba=off"
    cpu: str = ""
    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    #: tree given to the guest instead of the board's
    dtb: Path | None = None
    #: "default", "none" or a file
    bios: str = "default"
    loaders: tuple[Loader, ...] = ()
    drives: tuple[Drive, ...] = ()
    devices: tuple[DeviceSpec, ...] = ()
    #: networks for the devices that name their ids
    netdevs: tuple[Netdev, ...] = ()
    #: `-global`: defaults of devices, also of those that are part of the board
    globals: tuple[DeviceSpec, ...] = ()
    firmware_files: tuple[FirmwareFile, ...] = ()
    #: `-object rng-random`: IDs of sources of random numbers, which are all the same
    random_sources: tuple[str, ...] = ()
    #: Python files with device models of the user's
    device_paths: tuple[Path, ...] = ()
    accelerator: Accelerator | None = None
    #: guest time goes by executed instructions
    icount: Icount | None = None
    #: chardevs, and the ids of those that the serial ports and the monitors use ("": nothing); None: the terminal
    chardevs: tuple[CharacterDevice, ...] = ()
    serials: tuple[str, ...] | None = None
    monitors: tuple[str, ...] | None = None
    #: what is not asked for is not there
    defaults: bool = True
    #: the key before those of a shared chardev, as a control code (1 is Ctrl-A)
    escape: int = 1
    #: what the user calls the machine
    name: str = ""
    #: the vCPUs wait for `cont`
    stopped: bool = False
    #: of the guest's random numbers (None: the host's), and the date at its start in ns since 1970 (None: now)
    seed: int | None = None
    epoch_ns: int | None = None
    #: run without the terminal, and the file for the number of the process
    daemonize: bool = False
    pid_file: Path | None = None
    #: write the guest's tree to a file, and end
    dump_tree: Path | None = None
    #: a reset ends the run
    no_reboot: bool = False
    #: a power-off stops the vCPUs, and the run goes on
    no_shutdown: bool = False
    #: items of -d, and the file they go to (None: stderr)
    log: frozenset[str] = frozenset()
    log_file: Path | None = None
    #: of -dfilter: first and last guest address of what is logged; none: all
    log_ranges: tuple[tuple[int, int], ...] = ()
    #: "text" or "json": print counters at the end
    stats: str = ""

    @property
    def guest_seed(self) -> int | None:
        """What the guest's random numbers are made from, so that a run can be repeated; None: they are the host's."""
        return 0 if self.seed is None and self.icount else self.seed
