"""A whole machine: built from a board and options, run until the guest or the user ends it."""

from __future__ import annotations

import logging
import signal
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from threading import RLock
from time import monotonic, monotonic_ns, time_ns
from typing import TYPE_CHECKING

from pytcg.devices.catalogue import ModelError, load_models
from pytcg.devices.chardev import NullChardev
from pytcg.devices.virtio.device import Host
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.workers import Workers
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
from pytcg.machine.chardevs.terminal import takes_output
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

log = logging.getLogger("pytcg")
page = logging.getLogger("pytcg.page")

#: how a machine of an architecture starts
BOOT = {"riscv64": riscv.place}
DEFAULT_TIMEBASE = 10_000_000
#: seconds that the vCPUs get to end
PATIENCE = 0.7
STDERR = 2
#: the date at the start of runs that are to be the same, unless -rtc says one: 2026-01-01
REPEATED_EPOCH_NS = 1_767_225_600_000_000_000
#: how long input that is there already may take to be read
READING_NS = 50_000_000


class Machine:
    """One machine. `run` may be called once, on the main thread.

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
        #: "prelaunch" before the first start, "running", "paused", or "shutdown"
        self.status = "prelaunch"
        self._between: deque[Callable[[], None]] = deque()
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
        host = Host(dma, self.loop, self.workers.group)
        netdevs = Netdevs(options.netdevs, self.loop)
        self.plugboard = Plugboard(self.tree, options, drives, host, self.chardevs.user, netdevs)
        try:
            self.plugboard.fill(options.devices)
            serials = [self.chardevs.user(name) if name else NullChardev() for name in options.serials or ()]
            if virtual:
                serials = [Paced(chardev, self.clock, virtual) for chardev in serials]
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
            self._open_monitors(options.monitors or ())
        except BaseException:
            self.chardevs.close()
            self.plugboard.close()
            raise
        #: whether a vCPU did not end when told to
        self.hung = False
        self._status = 0
        self._crash: BaseException | None = None
        self._ended = False

    def _open_monitors(self, names: tuple[str, ...]) -> None:
        if names:
            # most of its modules only serve those who type into it, but its tables are small
            from pytcg.machine.monitor.monitor import Monitor
            from pytcg.machine.monitor.session import MonitorSession

            for name in names:
                MonitorSession(self.chardevs.user(name), Monitor(self), self.between_turns)

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
        seed = 0 if self.options.seed is None and self.options.icount else self.options.seed
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

    def run(self) -> int:
        """Run until the guest powers off, the user ends it, or a signal comes; the exit status.

        Raises MachineError where a vCPU failed inside pytcg.
        """
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            self.loop.on_signal(number, partial(self._signalled, number))
        try:
            self._power_on()
            for cpu in self.cpus:
                cpu.on_crash = self._crashed
            self.clock.pause()
            if not self.options.stopped:
                self.chardevs.when_ready(self._begin)
            while not self._ended:
                while self._between and not self._ended:
                    self._between.popleft()()
                self.loop.run()
        finally:
            self._stop_cpus()
            with self.lock:
                self.memory.shared.settle()
            self.chardevs.close()
            self.plugboard.close()
            self.workers.close()
            self.loop.close()
            if not self.hung and not self._crash:
                self.processors.close()
        if self._crash:
            raise MachineError(f"internal error: {type(self._crash).__name__}: {self._crash}") from self._crash
        return self._status

    def _begin(self) -> None:
        """Start; where runs are to be the same, input that is there already is read before."""
        if self.options.icount:
            self.loop.timer(lambda: self.between_turns(self.cont)).arm(monotonic_ns() + READING_NS)
        else:
            self.between_turns(self.cont)

    def between_turns(self, action: Callable[[], None]) -> None:
        """Call a function on the main thread soon, with no lock held: it may stop vCPUs. Any thread may call this."""
        self._between.append(action)
        self.loop.call_soon(self.loop.stop)

    def monitor(self, line: str) -> str:
        """What the monitor answers to a line. Between turns of the loop, or before `run`. Raises MonitorError."""
        from pytcg.machine.monitor.monitor import Monitor

        return Monitor(self).execute(line)

    def stop(self) -> None:
        """Stop the vCPUs and guest time. Between turns of the loop only."""
        if self.status == "running":
            self._stop_cpus()
            self.clock.pause()
            self.status = "paused"

    def cont(self) -> None:
        """Let the vCPUs run, and guest time. Between turns of the loop only. Raises MachineError after a power-off."""
        if self.status == "shutdown":
            raise MachineError("the guest has powered off: system_reset comes first")
        if self.status != "running":
            self.status = "running"
            self.clock.resume()
            with self.lock:
                for device in self.devices:
                    device.restored()
            for cpu in self.cpus:
                cpu.start()

    def while_stopped(self, action: Callable[[], None]) -> None:
        """Call a function while no vCPU's thread runs. Between turns of the loop only."""
        running = self.status == "running"
        self.stop()
        try:
            action()
        finally:
            if running:
                self.cont()

    def restart(self) -> None:
        """Put the machine into the state at power-on; it runs on if it did. Between turns of the loop only."""
        self.processors.exclusive(self._power_on)
        if self.status == "shutdown":
            self.status = "prelaunch"

    def quit(self, status: int) -> None:
        """End the run with an exit status. Any thread may call this."""
        self._status = status
        self._ended = True
        self.loop.call_soon(self.loop.stop)

    def shutdown(self, status: int) -> None:
        """Power off, which ends the run unless -no-shutdown keeps it. Any thread may call this."""
        if not self.options.no_shutdown:
            self.quit(status)
        for cpu in self.cpus:
            cpu.stop()
        self.between_turns(self._shut_down)

    def _shut_down(self) -> None:
        self.stop()
        self.status = "shutdown"

    def reset(self) -> None:
        """Start the machine afresh, as after power-on; with -no-reboot, end the run. Any thread may call this."""
        if self.options.no_reboot:
            self.shutdown(0)
        else:
            self.between_turns(self.restart)

    def report(self) -> str:
        """The counters that --stats asks for."""
        return self.processors.report(self.options.stats)

    def _power_on(self) -> None:
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

    def _stop_cpus(self) -> None:
        for cpu in self.cpus:
            cpu.stop()
        deadline = monotonic() + PATIENCE
        for cpu in self.cpus:
            self.hung |= not cpu.join(max(deadline - monotonic(), 0.0))

    def _signalled(self, number: int) -> None:
        if takes_output(STDERR):
            log.warning("terminating on signal %d", number)
        self.chardevs.hurry()
        self.quit(0)

    def _crashed(self, crash: BaseException) -> None:
        self._crash = crash
        self.quit(1)
