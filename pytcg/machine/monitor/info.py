"""What `info` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytcg import __version__
from pytcg.devices.base import InterruptController
from pytcg.machine.description import device_nodes, windows
from pytcg.machine.monitor.command import Argument, Command
from pytcg.softmmu.regions import Io, Ram

if TYPE_CHECKING:
    from pytcg.machine.monitor.monitor import Monitor

ALL_CPUS = "-a"


def registers(monitor: Monitor, cpus: str | None) -> str:
    machine = monitor.machine
    numbers = range(len(machine.cpus)) if cpus else (monitor.cpu,)
    return "\n".join(f"CPU#{number}\n{machine.inspect.describe(number)}" for number in numbers)


def cpus(monitor: Monitor) -> str:
    inspect = monitor.machine.inspect
    lines = []
    for number in range(len(monitor.machine.cpus)):
        state = " (halted)" if inspect.is_halted(number) else ""
        lines.append(
            f"{'*' if number == monitor.cpu else ' '} CPU #{number}: pc={inspect.registers(number)['pc']:#x}{state}"
        )
    return "\n".join(lines)


def mem(monitor: Monitor) -> str:
    found = monitor.machine.inspect.mappings(monitor.cpu)
    if not found:
        return "No translation or protection"
    lines = ["vaddr            paddr            size             attr", " ".join(["-" * 16] * 3 + ["-" * 7])]
    lines += [f"{run.virtual:016x} {run.physical:016x} {run.size:016x} {run.attributes}" for run in found]
    return "\n".join(lines)


def mtree(monitor: Monitor) -> str:
    lines = []
    for region in monitor.machine.memory:
        kind = "i/o" if isinstance(region, Io) else "ram" if isinstance(region, Ram) else "rom"
        lines.append(f"  {region.base:016x}-{region.end - 1:016x} ({kind}): {region.name}")
    return "\n".join(lines)


def qtree(monitor: Monitor) -> str:
    machine = monitor.machine
    lines = []
    for node in device_nodes(machine.tree):
        device = machine.device_of.get(node)
        if node in machine.device_of:
            model = type(device).__name__ if device else "no model: reads as zero"
            lines.append(f"dev: {node.path} ({', '.join(node.strings('compatible'))}): {model}")
            lines += [f"  mmio {base:016x}/{size:016x}" for base, size in windows(node)]
    return "\n".join(lines)


def status(monitor: Monitor) -> str:
    state = monitor.machine.status
    return f"VM status: {state}" if state in ("running", "paused") else f"VM status: paused ({state})"


def jit(monitor: Monitor) -> str:
    return "\n".join(f"{name:<28}{value:>14}" for name, value in monitor.machine.inspect.translation().items())


def irq(monitor: Monitor) -> str:
    machine = monitor.machine
    lines = []
    for number in range(len(machine.cpus)):
        found = machine.inspect.registers(number)
        shown = " ".join(f"{name}={found[name]:#x}" for name in ("mip", "mie", "mideleg") if name in found)
        lines.append(f"CPU#{number}: {shown}")
    for node, device in machine.device_of.items():
        if isinstance(device, InterruptController):
            lines.append(f"{node.path}: {device.describe()}")
    return "\n".join(lines)


def chardev(monitor: Monitor) -> str:
    return "\n".join(monitor.machine.chardevs.describe())


def network(monitor: Monitor) -> str:
    lines = [
        f"{name}: {card.filter.address.hex(':')}, link {'up' if card.link else 'down'}, "
        f"{len(card.network.waiting)} frames wait for the guest"
        for name, card in monitor.machine.plugboard.cards.items()
    ]
    return "\n".join(lines) or "No network cards"


def roms(monitor: Monitor) -> str:
    return "\n".join(
        f'addr={piece.address:016x} size={len(piece.data):#08x} name="{piece.name}"' for piece in monitor.machine.pieces
    )


def version(monitor: Monitor) -> str:
    return f"pytcg {__version__}"


def name(monitor: Monitor) -> str:
    return monitor.machine.options.name or "no name"


INFO = (
    Command(("chardev",), "character devices", chardev),
    Command(("cpus",), "the CPUs, where they are; * is the current one", cpus),
    Command(("irq",), "pending and enabled interrupts", irq),
    Command(("jit",), "counters of translation", jit),
    Command(("mem",), "what the current CPU's page tables map", mem),
    Command(("mtree",), "guest physical memory", mtree),
    Command(("name",), "the name that -name gave", name),
    Command(("network",), "network cards, by their ids and by those of their networks", network),
    Command(("qtree",), "devices, and nodes that no model is for", qtree),
    Command(
        ("registers",),
        "registers of the current CPU, or of all (-a)",
        registers,
        (Argument(ALL_CPUS, optional=True, choices=lambda monitor: (ALL_CPUS,)),),
    ),
    Command(("roms",), "what the boot loader puts into memory", roms),
    Command(("status",), "whether the machine runs", status),
    Command(("version",), "pytcg's version", version),
)
