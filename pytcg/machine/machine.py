"""A whole machine, run until the guest or the user ends it."""

from __future__ import annotations

import logging
import signal
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic, monotonic_ns

from pytcg.machine.chardevs.terminal import takes_output
from pytcg.machine.cpus import ProcessorFactory, make_processors
from pytcg.machine.errors import MachineError
from pytcg.machine.hardware import Hardware
from pytcg.machine.options import Options

log = logging.getLogger("pytcg")

#: seconds that the vCPUs get to end
PATIENCE = 0.7
STDERR = 2
#: how long input that is there already may take to be read
READING_NS = 50_000_000


class Machine(Hardware):
    """One machine. `run` may be called once, on the main thread.

    Raises MachineError, as `Hardware`.
    """

    def __init__(self, options: Options, make: ProcessorFactory = make_processors) -> None:
        #: "prelaunch" before the first start, "running", "paused", or "shutdown"
        self.status = "prelaunch"
        self._between: deque[Callable[[], None]] = deque()
        #: whether a vCPU did not end when told to
        self.hung = False
        self._status = 0
        self._crash: BaseException | None = None
        self._ended = False
        super().__init__(options, make)
        try:
            self._open_monitors(self.options.monitors or ())
        except BaseException:
            self.close_lines()
            raise

    def _open_monitors(self, names: tuple[str, ...]) -> None:
        if names:
            # most of its modules only serve those who type into it, but its tables are small
            from pytcg.machine.monitor.monitor import Monitor
            from pytcg.machine.monitor.session import MonitorSession

            for name in names:
                MonitorSession(self.chardevs.user(name), Monitor(self), self.between_turns)

    def run(self) -> int:
        """Run until the guest powers off, the user ends it, or a signal comes; the exit status.

        Raises MachineError where a vCPU failed inside pytcg.
        """
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            self.loop.on_signal(number, partial(self._signalled, number))
        try:
            self.power_on()
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
            self.close_lines()
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
        self.processors.exclusive(self.power_on)
        if self.status == "shutdown":
            self.status = "prelaunch"

    def quit(self, status: int) -> None:
        self._status = status
        self._ended = True
        self.loop.call_soon(self.loop.stop)

    def shutdown(self, status: int) -> None:
        if not self.options.no_shutdown:
            self.quit(status)
        for cpu in self.cpus:
            cpu.stop()
        self.between_turns(self._shut_down)

    def _shut_down(self) -> None:
        self.stop()
        self.status = "shutdown"

    def reset(self) -> None:
        if self.options.no_reboot:
            self.shutdown(0)
        else:
            self.between_turns(self.restart)

    def report(self) -> str:
        """The counters that --stats asks for."""
        return self.processors.report(self.options.stats)

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
