"""Builds a machine's memory and devices from its device tree."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pytcg.devices.base import Device, InterruptController, PinController
from pytcg.devices.catalogue import model_for
from pytcg.devices.chardev import Chardev, NullChardev
from pytcg.devices.wiring import Clock, Line, Loop, Wiring, unconnected
from pytcg.machine.boot.contents import Contents
from pytcg.machine.boot.layout import in_mib
from pytcg.machine.cpus import Vcpu
from pytcg.machine.description import Interrupt, cpu_nodes, device_nodes, interrupts, memory_node, windows
from pytcg.machine.errors import MachineError
from pytcg.machine.plugging import Plugboard
from pytcg.machine.tree import Node, Tree, TreeError
from pytcg.softmmu.regions import AddressSpace, BusError, Io, Ram, Region, Rom
from pytcg.softmmu.shared import WiredLine

log = logging.getLogger("pytcg")
unimp = logging.getLogger("pytcg.unimp")

BOOT_ROM = "pytcg,boot-rom"
#: memory besides main memory, by `compatible`
MEMORIES: dict[str, type[Rom]] = {BOOT_ROM: Rom, "mmio-sram": Ram}
#: the interrupt controller inside a CPU's node, whose interrupt numbers are bits of the CPU's pending interrupts
CPU_INTC = "riscv,cpu-intc"
#: an interrupt number that says "not connected"
NO_INTERRUPT = 0xFFFFFFFF
#: in the flags of a `gpios` property
ACTIVE_LOW = 1


class Absent:
    """The registers of a device that there is no model of."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, offset: int, size: int) -> int:
        unimp.debug("%s: %d bytes read at %#x, and there is no model", self.name, size, offset)
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        unimp.debug("%s: %#x (%d bytes) written at %#x, and there is no model", self.name, value, size, offset)


def _memory_model(node: Node) -> type[Rom] | None:
    return next((MEMORIES[name] for name in node.strings("compatible") if name in MEMORIES), None)


def boot_rom_address(tree: Tree) -> int | None:
    """Where the boot ROM is; None for a board without one."""
    for node in device_nodes(tree):
        if BOOT_ROM in node.strings("compatible"):
            return windows(node)[0][0]
    return None


def build_memory(tree: Tree, memory: AddressSpace) -> Ram:
    """Put main memory and the boot ROM into the address space; the first window of main memory.

    Raises MachineError where they do not fit into the address space or the host's memory.
    """
    nodes = [node for node in device_nodes(tree) if _memory_model(node)]
    main: list[Ram] = []
    for node in (memory_node(tree), *nodes):
        for base, size in windows(node):
            try:
                region = (_memory_model(node) or Ram)(node.path, base, size)
            except OSError:
                raise MachineError(f"the host has no room for {in_mib(size)} of guest memory") from None
            except ValueError as error:
                raise MachineError(str(error)) from None
            _add(memory, region)
            if isinstance(region, Ram):
                main.append(region)
    if not main:
        raise TreeError("the device tree has no main memory")
    return main[0]


def _add(memory: AddressSpace, region: Region) -> None:
    try:
        memory.add(region)
    except ValueError as error:
        raise MachineError(str(error)) from None


class DeviceBuilder:
    """Makes the devices of a tree, each after the interrupt controllers that it is wired to."""

    def __init__(
        self,
        tree: Tree,
        memory: AddressSpace,
        clock: Clock,
        loop: Loop,
        cpus: Sequence[Vcpu],
        serials: Sequence[Chardev],
        plugboard: Plugboard,
        shutdown: Callable[[int], None],
        reset: Callable[[], None],
        epoch_ns: int,
        firmware_items: Mapping[int, Contents],
    ) -> None:
        self.tree = tree
        self.memory = memory
        self.plugboard = plugboard
        self.legacy = plugboard.defaults("virtio-mmio")["force-legacy"]
        self.clock = clock
        self.loop = loop
        self.shutdown = shutdown
        self.reset = reset
        self.epoch_ns = epoch_ns
        self.firmware_items = firmware_items
        self.phandles = tree.phandles()
        ports = self._serial_ports()
        self.chardevs = dict(zip(ports, serials, strict=False))
        for chardev in serials[len(ports) :]:
            if type(chardev) is not NullChardev:
                log.warning(
                    "the board has %d serial port%s: the others lead nowhere", len(ports), "s" * (len(ports) != 1)
                )
        self.devices: dict[Node, Device | None] = {}
        self.cpu_of = dict(zip(cpu_nodes(tree), cpus, strict=True))

    def build(self) -> list[Device]:
        """All devices, put into the address space. Raises MachineError where the tree makes no sense."""
        for node in device_nodes(self.tree):
            if not _memory_model(node):
                self._device(node)
        self._connect_power_pins()
        return [device for device in self.devices.values() if device]

    def _device(self, node: Node) -> Device | None:
        """The device of a node, made now if it is not there; None where there is no model of it."""
        if node in self.devices:
            return self.devices[node]
        self.devices[node] = None
        names = node.strings("compatible")
        model = model_for(names)
        device = None
        ranges = windows(node)
        if model is None:
            log.warning("no model of %s (%s): it reads as zero", node.path, ", ".join(names))
        else:
            if model.in_memory:
                for base, size in ranges:
                    if self.memory.find(base) is None:
                        _add(self.memory, Ram(node.path, base, size))
            try:
                device = model.create(self._wiring(node, ranges))
            except (ValueError, BusError) as error:
                raise MachineError(f"{node.path}: {error}") from None
        if not (model and model.in_memory):
            for number, (base, size) in enumerate(ranges):
                inside = (device and device.window(number)) or Absent(node.path)
                _add(self.memory, inside if isinstance(inside, Region) else Io(node.path, base, size, inside))
            if device and not isinstance(device.window(0), Region):
                device.share(self.memory.shared, ranges)
        self.devices[node] = device
        return device

    def _connect_power_pins(self) -> None:
        """Let output pins reset or power off the machine, as the bindings gpio-restart and gpio-poweroff say."""
        effects: dict[str, Callable[[], None]] = {
            "gpio-restart": self.reset,
            "gpio-poweroff": partial(self.shutdown, 0),
        }
        for node in self.tree.root.walk():
            effect = next((effects[name] for name in node.strings("compatible") if name in effects), None)
            if effect:
                phandle, pin, flags = (*node.cells("gpios"), 0, 0, 0)[:3]
                controller = self.devices.get(self.phandles.get(phandle, node))
                if not isinstance(controller, PinController):
                    raise MachineError(f"{node.path}: gpios leads to no pin of a GPIO controller")
                try:
                    controller.on_output(pin, partial(_when, not flags & ACTIVE_LOW, effect))
                except ValueError as error:
                    raise MachineError(f"{node.path}: {error}") from None

    def _wiring(self, node: Node, ranges: list[tuple[int, int]]) -> Wiring:
        return Wiring(
            clock=self.clock,
            loop=self.loop,
            memory=self.memory,
            dma=self.plugboard.host.memory,
            windows=ranges,
            irqs=[self._line(interrupt) for interrupt in interrupts(node, self.phandles)],
            properties=node.properties,
            chardev=self.chardevs.get(node) or NullChardev(),
            flashes=self.plugboard.flashes,
            firmware_items=self.firmware_items,
            plugged=self.plugboard.plugged.get(node),
            legacy=self.legacy,
            epoch_ns=self.epoch_ns,
            shutdown=self.shutdown,
            reset=self.reset,
        )

    def _line(self, interrupt: Interrupt) -> Line:
        node = interrupt.controller
        number = interrupt.specifier[0]
        if number == NO_INTERRUPT:
            return unconnected
        if CPU_INTC in node.strings("compatible"):
            cpu = self.cpu_of.get(node.parent) if node.parent else None
            if cpu is None or number >= 64:
                raise MachineError(f"{node.path} is no interrupt controller of a CPU, or has no interrupt {number}")
            line = partial(cpu.set_irq, 1 << number)
            wire = cpu.wire(1 << number)
            return WiredLine(wire, line) if wire else line
        controller = self._device(node)
        if not isinstance(controller, InterruptController):
            return unconnected
        return controller.line(*interrupt.specifier)

    def _serial_ports(self) -> list[Node]:
        """The nodes of serial ports: first the one that /chosen calls the console, then by alias, then in order."""
        ports = [node for node in device_nodes(self.tree) if _is_serial(node)]
        aliases = self.tree.find("/aliases")
        names = aliases.properties if aliases else {}
        by_alias = [self._node(name) for name in sorted(names, key=_alias_order) if name.startswith("serial")]
        first = [node for node in (self._stdout(), *by_alias) if node in ports]
        return list(dict.fromkeys((*first, *ports)))

    def _stdout(self) -> Node | None:
        """The node that /chosen calls the console."""
        chosen = self.tree.find("/chosen")
        return self._node(next(iter(chosen.strings("stdout-path") if chosen else ()), "").partition(":")[0])

    def _node(self, path: str) -> Node | None:
        """A node by path or alias."""
        aliases = self.tree.find("/aliases")
        if path and not path.startswith("/") and aliases:
            path = next(iter(aliases.strings(path)), "")
        return self.tree.find(path) if path else None


def _when(active: bool, effect: Callable[[], None], level: bool) -> None:
    if level == active:
        effect()


def _is_serial(node: Node) -> bool:
    model = model_for(node.strings("compatible"))
    return bool(model and model.is_serial)


def _alias_order(name: str) -> tuple[str, int]:
    """serial2 comes before serial10."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0)
