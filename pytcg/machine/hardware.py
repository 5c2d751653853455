"""What a machine is made of: a board and options become memory, vCPUs, devices and lines to the host."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from functools import partial
from random import Random
from threading import RLock
from time import time_ns
from typing import TYPE_CHECKING

from pytcg.devices.catalogue import ModelError, load_models
from pytcg.devices.chardev import Chardev, NullChardev
from pytcg.devices.virtio.device import Host
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.workers import AtOnce, Workers
from pytcg.machine import fdt
from pytcg.machine.boards import board_file, read_tree
from pytcg.machine.boot import riscv
from pytcg.machine.boot.contents import check_length, release
from pytcg.machine.boot.files import read_payload
from pytcg.machine.boot.layout import Layout
from pytcg.machine.builder import DeviceBuilder, boot_rom_address, build_memory
from pytcg.machine.chardevs.defaults import with_defaults
from pytcg.machine.chardevs.paced import Paced
from pytcg.machine.chardevs.registry import Chardevs
from pytcg.machine.cpus import ProcessorFactory, Surroundings, cpu_model, make_processors, set_cpu_properties
from pytcg.machine.description import boot_cpu, cpu_nodes
from pytcg.machine.drives import Drives
from pytcg.machine.errors import MachineError
from pytcg.machine.firmware import firmware_items, flash_start
from pytcg.machine.netdevs.registry import Netdevs
from pytcg.machine.options import Options
from pytcg.machine.patch import SEED_BYTES, choose, set_chosen, set_cpus, set_htif, set_memory
from pytcg.machine.plugging import Plugboard
from pytcg.machine.tree import Tree
from pytcg.softmmu.dma import Dma
from pytcg.softmmu.regions import AddressSpace

if TYPE_CHECKING:
    from pytcg.exec.events.virtualtime import VirtualTime

page = logging.getLogger("pytcg.page")

#: how a machine of an architecture starts
BOOT = {"riscv64": riscv.place}
DEFAULT_TIMEBASE = 10_000_000
#: the date at the start of runs that are to be the same, unless -rtc says one: 2026-01-01
REPEATED_EPOCH_NS = 1_767_225_600_000_000_000


class Hardware(ABC):
    """All parts of a machine, built and at rest.

    Raises MachineError, with one line for the user, for options that no machine can be built from.
    """

    def __init__(self, options: Options, make: ProcessorFactory = make_processors) -> None:
        self.options = options = with_defaults(options)
        if options.accelerator and options.accelerator.name != "tcg":
            raise MachineError(f"-accel {options.accelerator.name} is not there: pytcg has tcg")
        try:
            for path in options.device_paths:
                load_models(path)
        except ModelError as error:
            raise MachineError(str(error)) from error
        drives = Drives(options.drives)
        flashes = drives.units("pflash")
        payload = read_payload(options, 0 in flashes)
        self.tree = self._patched(read_tree(board_file(options.board, payload.arch)))
        cpus = cpu_nodes(self.tree)
        model = cpu_model(cpus, options.cpu)
        set_cpu_properties(cpus, model)
        set_htif(self.tree, payload.symbols)
        self.memory = AddressSpace()
        ram = build_memory(self.tree, self.memory)
        layout = Layout(ram.base, ram.end)
        #: the tree that the guest gets
        self.guest_tree = b""
        #: guest physical address of the first instruction
        self.start = BOOT[payload.arch](
            payload,
            layout,
            boot_rom_address(self.tree),
            boot_cpu(cpus),
            self._tree_for_guest,
            flash_start(self.tree, flashes),
        )
        self.pieces = layout.pieces
        self.lock = RLock()
        self.loop = EventLoop(self.lock)
        timebase = self.tree.root.child("cpus").u32("timebase-frequency", DEFAULT_TIMEBASE)
        virtual = self._virtual_time(timebase)
        timers = virtual or self.loop
        around = Surroundings(self.memory, ram, timers, self.lock, timebase, model, virtual)
        self.processors = make(payload.arch, options, len(cpus), around)
        self.cpus = self.processors.cpus
        #: registers, address translation and disassembly, for debuggers: while no vCPU runs
        self.inspect = self.processors.inspect
        self.clock = self.processors.clock
        self.workers = Workers(self.loop.call_soon)
        dma = Dma(self.memory, self.processors.overwritten)
        self.chardevs = Chardevs(options.chardevs, self.loop, partial(self.quit, 0), options.escape)
        host = Host(dma, self.loop, AtOnce if virtual else self.workers.group)
        netdevs = Netdevs(options.netdevs, self.loop)

        def user(name: str) -> Chardev:
            chardev = self.chardevs.user(name) if name else NullChardev()
            return Paced(chardev, self.clock, virtual) if virtual else chardev

        self.plugboard = Plugboard(self.tree, options, drives, host, user, netdevs)
        try:
            self.plugboard.fill(options.devices)
            serials = [user(name) for name in options.serials or ()]
            builder = DeviceBuilder(
                self.tree,
                self.memory,
                self.clock,
                timers,
                self.cpus,
                serials,
                self.plugboard,
                self.shutdown,
                self.reset,
                self._epoch(),
                firmware_items(payload, options.append, options.firmware_files, ram.size, len(cpus)),
            )
            self.devices = builder.build()
            #: the device of each node; None where there is no model of it
            self.device_of = builder.devices
            for region in self.memory:
                page.debug("%s", region)
        except BaseException:
            self.close_lines()
            raise

    @abstractmethod
    def quit(self, status: int) -> None:
        """End the run with an exit status. Any thread may call this."""

    @abstractmethod
    def shutdown(self, status: int) -> None:
        """Power off, which ends the run unless -no-shutdown keeps it. Any thread may call this."""

    @abstractmethod
    def reset(self) -> None:
        """Start the machine afresh, as after power-on; with -no-reboot, end the run. Any thread may call this."""

    def power_on(self) -> None:
        """Put memory, devices and vCPUs into the state in which the machine starts. No vCPU may run."""
        with self.lock:
            self.memory.shared.settle()
            self.processors.flush()
            for piece in self.pieces:
                check_length(piece.name, piece.data)
                self.memory.load(piece.address, piece.data)
                self.memory.clear(piece.address + len(piece.data), piece.size - len(piece.data))
                release(piece.data)
            for device in self.devices:
                device.reset()
            for cpu in self.cpus:
                cpu.reset(self.start)

    def close_lines(self) -> None:
        """Close what leads to the host: chardevs, drives, network."""
        self.chardevs.close()
        self.plugboard.close()

    def _patched(self, tree: Tree) -> Tree:
        """The board's tree as the options want it."""
        options = self.options
        choose(tree, dict(options.board_options))
        if options.memory is not None:
            set_memory(tree, options.memory)
        if options.cpus is not None:
            set_cpus(tree, options.cpus)
        return tree

    def _tree_for_guest(self, initrd: tuple[int, int] | None) -> bytes:
        tree = read_tree(self.options.dtb) if self.options.dtb else self.tree
        set_chosen(tree, self.options.append, initrd, self._seed())
        self.guest_tree = fdt.pack(tree)
        return self.guest_tree

    def _seed(self) -> bytes:
        """The guest's seed of random numbers; empty: the host's are to be used."""
        seed = self.options.guest_seed
        return b"" if seed is None else Random(seed).randbytes(SEED_BYTES)

    def _epoch(self) -> int:
        """The date at the start, in nanoseconds since 1970."""
        if self.options.epoch_ns is not None:
            return self.options.epoch_ns
        return REPEATED_EPOCH_NS if self.options.icount else time_ns()

    def _virtual_time(self, timebase_hz: int) -> VirtualTime | None:
        """Guest time by executed instructions, if it is asked for. Raises MachineError."""
        icount = self.options.icount
        if icount is None:
            return None
        if len(cpu_nodes(self.tree)) > 1:
            raise MachineError("-icount is for one CPU: give -smp 1")
        from pytcg.exec.events.virtualtime import VirtualTime

        return VirtualTime(icount.shift, icount.sleep, timebase_hz, self.lock, self.loop.call_soon)
