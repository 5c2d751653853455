"""The chardevs of a machine by id: opened from the options, shared out to ports and monitors, closed at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pytcg.devices.chardev import Chardev, NullChardev
from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.backends import (
    BACKENDS,
    Backend,
    CharacterDevice,
    File,
    Null,
    Pipe,
    Pty,
    Ringbuf,
    Serial,
    Socket,
    Stdio,
)
from pytcg.machine.chardevs.mux import CTRL_A, Mux
from pytcg.machine.errors import MachineError, suggestion

NAMES = {type_: name for name, type_ in BACKENDS.items()}


class Chardevs:
    """Opens the chardevs that it is given. `quit` ends the run; `escape` is the key before those of a mux.

    Raises MachineError naming what cannot be opened; those that were are closed then.
    """

    def __init__(
        self,
        devices: tuple[CharacterDevice, ...],
        loop: EventLoop,
        quit: Callable[[], None],
        escape: int = CTRL_A,
    ) -> None:
        self.loop = loop
        self.quit = quit
        self.devices = {device.id: device for device in devices}
        self.opened: dict[str, Chardev] = {}
        self.muxes: dict[str, Mux] = {}
        self.taken: set[str] = set()
        #: servers that a run is not to start without a client of
        self.waiting: set[str] = set()
        self._on_ready: Callable[[], None] = lambda: None
        if sum(isinstance(device.backend, Stdio) for device in devices) > 1:
            raise MachineError("only one chardev can be on stdio (mux=on or mon: lets several users share it)")
        try:
            for device in devices:
                self.opened[device.id] = chardev = self._open(device)
                if device.mux:
                    self.muxes[device.id] = Mux(chardev, quit, escape, reads_ahead=chardev.on_terminal)
        except BaseException:
            self.close()
            raise

    def user(self, name: str) -> Chardev:
        """A chardev for one more user. Raises MachineError for an id that there is not, or that is in use."""
        if name not in self.devices:
            raise MachineError(f"no chardev {name}{suggestion(name, self.devices)}")
        if name in self.muxes:
            return self.muxes[name].end()
        if name in self.taken:
            raise MachineError(f"chardev {name} has a user already: give it mux=on")
        self.taken.add(name)
        return self.opened[name]

    def when_ready(self, action: Callable[[], None]) -> None:
        """Call a function once each server that a client is waited for at has one."""
        self._on_ready = action
        if not self.waiting:
            action()

    def describe(self) -> list[str]:
        """A line for each chardev."""
        lines = []
        for name, device in self.devices.items():
            chardev = self.opened[name]
            place = chardev.place or str(getattr(device.backend, "path", ""))
            mux = f", {len(self.muxes[name].ends)} users" if name in self.muxes else ""
            lines.append(f"{name}: {NAMES[type(device.backend)]}{' ' if place else ''}{place}{mux}")
        return lines

    def hurry(self) -> None:
        """The user wants an end: readers that take nothing are not waited for."""
        for chardev in self.opened.values():
            chardev.hurry()

    def close(self) -> None:
        """Send what is buffered and give everything back."""
        for chardev in self.opened.values():
            chardev.close()

    def _open(self, device: CharacterDevice) -> Chardev:
        try:
            chardev = self._backend(device.id, device.backend)
            if device.log_file is None:
                return chardev
            from pytcg.machine.chardevs.wrappers import Recorded

            try:
                return Recorded(chardev, device.log_file.open("ab" if device.log_append else "wb", buffering=0))
            except OSError:
                chardev.close()
                raise
        except OSError as error:
            at = error.filename or getattr(device.backend, "address", "") or getattr(device.backend, "path", "")
            raise MachineError(f"chardev {device.id}: cannot open {at}: {error.strerror or error}") from None

    def _backend(self, name: str, backend: Backend) -> Chardev:
        """Modules are imported as they are needed: most runs have but a terminal."""
        match backend:
            case Null():
                return NullChardev()
            case Stdio():
                from pytcg.machine.chardevs.stdio import Console

                return Console.on_stdio(self.loop, self.quit, backend.signal)
            case Pty():
                from pytcg.machine.chardevs.files import PseudoTerminal

                terminal = PseudoTerminal(backend, self.loop)
                print(f"char device redirected to {terminal.name} (label {name})", flush=True)
                return terminal
            case File():
                from pytcg.machine.chardevs.files import open_file

                return open_file(backend, self.loop)
            case Pipe():
                from pytcg.machine.chardevs.files import open_pipe

                return open_pipe(backend, self.loop)
            case Socket():
                from pytcg.machine.chardevs.sockets import SocketStream

                stream = SocketStream(backend, self.loop)
                if stream.waiting:
                    self.waiting.add(name)
                    stream.on_connect = lambda: self._connected(name)
                    print(f"waiting for connection on: {stream.place}", file=sys.stderr, flush=True)
                return stream
            case Serial():
                from pytcg.machine.chardevs.pyserial import SerialStream

                return SerialStream(backend.path, self.loop)
            case Ringbuf():
                from pytcg.machine.chardevs.wrappers import RingBuffer

                return RingBuffer(backend.size)

    def _connected(self, name: str) -> None:
        self.waiting.discard(name)
        if not self.waiting:
            self._on_ready()
