"""The vCPUs of a machine: what the machine asks of them, and how they are made for an architecture."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytcg.devices.wiring import Clock
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.virtualtime import VirtualTime
from pytcg.frontend.guest import Extras, Mapping
from pytcg.frontend.riscv import isa
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Accelerator, Options
from pytcg.machine.tree import Node
from pytcg.softmmu.regions import AddressSpace, Ram
from pytcg.softmmu.shared import Wire

log = logging.getLogger("pytcg")

if TYPE_CHECKING:
    from pytcg.debug.log import LogSettings

#: bytes that a cbo instruction works on
CACHE_BLOCK = 64
BLOCK_SIZES = {
    "zicbom": "riscv,cbom-block-size",
    "zicbop": "riscv,cbop-block-size",
    "zicboz": "riscv,cboz-block-size",
}


class Inspection(Protocol):
    """What may be asked of the vCPUs while none runs; `cpu` is the number of one. See exec/inspection.py."""

    def describe(self, cpu: int) -> str: ...

    def registers(self, cpu: int) -> dict[str, int]: ...

    def is_halted(self, cpu: int) -> bool: ...

    def translate(self, cpu: int, address: int) -> int | None: ...

    def mappings(self, cpu: int) -> list[Mapping]: ...

    def disassemble(self, code: bytes, address: int) -> list[str]: ...

    def translation(self) -> dict[str, object]: ...


class Vcpu(Protocol):
    """One vCPU, as the machine sees it."""

    on_crash: Callable[[BaseException], None] | None

    def set_irq(self, mask: int, level: bool) -> None:
        """Set interrupt lines (a mask of the guest's interrupt bits) to a level."""

    def wire(self, mask: int) -> Wire | None:
        """How machine code drives an interrupt line by itself, if it may."""

    def reset(self, pc: int) -> None:
        """Back to the state at power-on, to start at `pc`. The vCPU's thread must not run."""

    def start(self) -> None:
        """Start the vCPU's thread."""

    def stop(self) -> None:
        """End the vCPU's thread at its next safe point."""

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread to end; whether it has."""


class Processors(Protocol):
    """All vCPUs and what they share."""

    @property
    def cpus(self) -> Sequence[Vcpu]: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def inspect(self) -> Inspection: ...

    def exclusive(self, action: Callable[[], None]) -> None:
        """Call a function while no vCPU runs; the caller holds no lock."""

    def flush(self) -> None:
        """Forget all placed translations; no vCPU may run."""

    def overwritten(self, physical: int, size: int) -> None:
        """A device has written to guest memory: forget translations of what was there."""

    def set_log(self, items: frozenset[str]) -> None:
        """Log other items from now on; no vCPU's thread may run."""

    def set_log_file(self, file: Path) -> None:
        """Log into a file from now on; no vCPU's thread may run. Raises OSError."""

    def close(self) -> None:
        """At the end of the run, with all vCPUs stopped."""

    def report(self, form: str) -> str:
        """The counters of --stats, as "text" or "json"."""


class Surroundings(NamedTuple):
    """What the vCPUs work on."""

    memory: AddressSpace
    ram: Ram
    loop: EventLoop | VirtualTime
    lock: RLock
    timebase_hz: int
    cpu: isa.Isa
    #: guest time that goes by instructions: the same as `loop`
    virtual: VirtualTime | None = None


ProcessorFactory = Callable[[str, Options, int, Surroundings], Processors]


def cpu_model(nodes: Sequence[Node], spec: str) -> isa.Isa:
    """What the CPUs can do: what `-cpu` says, else what their nodes say in riscv,isa, else all that there is.

    Raises MachineError for what cannot be configured, and for nodes that differ.
    """
    own = {name for node in nodes for name in node.strings("riscv,isa")[:1]}
    if spec or not own:
        try:
            return isa.configure(spec or isa.CPUS[0])
        except ValueError as error:
            raise MachineError(f"-cpu {spec}: {error}") from None
    if len(own) > 1:
        raise MachineError("the board's CPUs differ in riscv,isa: -cpu must say what all of them are")
    try:
        model, missing = isa.parse(own.pop())
    except ValueError as error:
        raise MachineError(f"{nodes[0].path}: riscv,isa: {error}") from None
    if missing:
        log.warning("the board's CPUs are without %s, which pytcg has not", ", ".join(missing))
    return model


def set_cpu_properties(nodes: Sequence[Node], model: isa.Isa) -> None:
    """Put what the CPUs can do into their nodes."""
    for node in nodes:
        node.set_strings("riscv,isa", model.string)
        node.set_strings("riscv,isa-base", model.base)
        node.set_strings("riscv,isa-extensions", *model.extensions)
        if "mmu-type" not in node.properties:
            node.set_strings("mmu-type", "riscv,sv57")
        for extension, name in BLOCK_SIZES.items():
            if extension in model:
                node.set_cells(name, CACHE_BLOCK)


def list_cpus() -> str:
    """The text of `-cpu help`."""
    return f"riscv64 CPUs:\n{', '.join(isa.CPUS)}\nproperties (=on or =off):\n{', '.join(isa.EXTENSIONS)}"


def _cache_directory(cache: str) -> Path | None:
    """Where `-accel tcg,cache=` keeps translations."""
    if cache == "off":
        return None
    if cache != "on":
        return Path(cache)
    from pytcg.exec.blocks.store import default_directory

    return default_directory()


def _log_settings(options: Options) -> LogSettings | None:
    if not options.log:
        return None
    from pytcg.debug.log import LogSettings
    from pytcg.debug.symbols import Symbols
    from pytcg.machine.boot.symbols import read_symbols

    return LogSettings(options.log, options.log_file, options.log_ranges, Symbols(read_symbols(options)))


def make_processors(arch: str, options: Options, count: int, around: Surroundings) -> Processors:
    """`count` vCPUs of an architecture, and what they share.

    Raises MachineError for a CPU, a backend or a log that there is not.
    """
    # the compiler's modules take a tenth of a second to import: errors in options come before
    from pytcg.exec.processors import Processors as Built
    from pytcg.frontend.riscv.guest import RiscvGuest

    accelerator = options.accelerator or Accelerator()
    extras = Extras(around.virtual is not None, bool(options.log & {"exec", "cpu"}), "nochain" in options.log)
    try:
        return Built(
            RiscvGuest(around.cpu, extras),
            around.memory,
            around.ram,
            around.loop,
            around.lock,
            count,
            around.timebase_hz,
            backend=accelerator.backend,
            counted=accelerator.count or around.virtual is not None,
            virtual=around.virtual,
            code_bytes=accelerator.code_mib << 20,
            cache_directory=_cache_directory(accelerator.cache),
            stats=bool(options.stats),
            log=_log_settings(options),
        )
    except ValueError as error:
        raise MachineError(str(error)) from None
    except OSError as error:
        if error.filename is None:
            raise MachineError(f"the host gives no memory for code: {error.strerror}") from None
        raise MachineError(f"cannot write the log {options.log_file}: {error.strerror}") from None
