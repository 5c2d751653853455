"""A chardev on a serial port of the host, or on any URL that pyserial knows (the extra `serial`)."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from typing import Any

from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.stream import Stream
from pytcg.machine.errors import MachineError

CHUNK = 4096
#: seconds between looks at whether the run has ended
TICK = 0.2


class SerialStream(Stream):
    """Two threads carry bytes between pyserial, whose calls block, and a socket pair. Raises MachineError."""

    def __init__(self, url: str, loop: EventLoop) -> None:
        self.serial = _open(url)
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        super().__init__(loop, self.ours.fileno(), self.ours.fileno())
        self._threads = [Thread(target=work, daemon=True) for work in (self._from_serial, self._to_serial)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        super().close()
        if self.ours.fileno() < 0:
            return
        with suppress(OSError):
            self.ours.shutdown(socket.SHUT_WR)
        self._threads[1].join(TICK)
        self.theirs.close()
        self._threads[0].join(2 * TICK)
        self.ours.close()
        self.serial.close()

    def _from_serial(self) -> None:
        with suppress(OSError):
            while self.theirs.fileno() >= 0:
                if data := self.serial.read(self.serial.in_waiting or 1):
                    self.theirs.sendall(data)

    def _to_serial(self) -> None:
        with suppress(OSError):
            while data := self.theirs.recv(CHUNK):
                self.serial.write(data)


def _open(url: str) -> Any:
    try:
        import serial
    except ModuleNotFoundError:
        raise MachineError(f"serial port {url}: pyserial, the extra `serial`, is not installed") from None
    try:
        return serial.serial_for_url(url, timeout=TICK)
    except (OSError, ValueError) as error:
        raise MachineError(f"cannot open serial port {url}: {error}") from None
