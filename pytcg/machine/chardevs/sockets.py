"""A chardev on a TCP or Unix socket, as its client or its server."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns

from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.backends import Socket
from pytcg.machine.chardevs.stream import Stream

SECOND_NS = 1_000_000_000


class SocketStream(Stream):
    """One connection at a time; what the guest writes without one is dropped.

    A server takes the next client when one has gone; a client tries again after `reconnect` seconds, if given. Raises
    OSError where the socket cannot be had.
    """

    def __init__(self, backend: Socket, loop: EventLoop) -> None:
        self.backend = backend
        self.connection: socket.socket | None = None
        self.listener: socket.socket | None = None
        #: called once the first client of a server that waits for it is there
        self.on_connect: Callable[[], None] = lambda: None
        #: called whenever the other end has gone
        self.on_disconnect: Callable[[], None] = lambda: None
        self.waiting = backend.server and backend.wait
        super().__init__(loop)
        self._again = loop.timer(self._try_again)
        if backend.server:
            self.listener = _listen(backend)
            self.listener.setblocking(False)
            loop.add_reader(self.listener.fileno(), self._accept)
        else:
            try:
                self._use(_connect(backend))
            except OSError:
                if not backend.reconnect:
                    raise
                self._again.arm(monotonic_ns() + backend.reconnect * SECOND_NS)

    @property
    def place(self) -> str:
        """Where it connects to, or listens, with the port that it was given for port 0."""
        if self.listener and not self.backend.path:
            host, port = self.listener.getsockname()[:2]
            return f"tcp:{host}:{port}"
        return self.backend.address

    def input_ended(self) -> None:
        self._drop()
        self.on_disconnect()
        if self.listener:
            self.loop.add_reader(self.listener.fileno(), self._accept)
        elif self.backend.reconnect:
            self._again.arm(monotonic_ns() + self.backend.reconnect * SECOND_NS)

    def close(self) -> None:
        super().close()
        self._again.cancel()
        self._drop()
        if self.listener:
            self.loop.remove_reader(self.listener.fileno())
            self.listener.close()
            self.listener = None
            if self.backend.path:
                Path(self.backend.path).unlink(missing_ok=True)

    def _accept(self) -> None:
        assert self.listener
        try:
            connection = self.listener.accept()[0]
        except OSError:
            return
        self.loop.remove_reader(self.listener.fileno())
        self._use(connection)
        if self.waiting:
            self.waiting = False
            self.on_connect()

    def _use(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if self.backend.nodelay and not self.backend.path:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.attach(connection.fileno(), connection.fileno())

    def _drop(self) -> None:
        self.detach()
        if self.connection:
            self.connection.close()
            self.connection = None

    def _try_again(self) -> None:
        try:
            self._use(_connect(self.backend))
        except OSError:
            self._again.arm(monotonic_ns() + self.backend.reconnect * SECOND_NS)


def _connect(backend: Socket) -> socket.socket:
    if not backend.path:
        return socket.create_connection((backend.host or "localhost", int(backend.port)))
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(backend.path)
    except OSError:
        connection.close()
        raise
    return connection


def _listen(backend: Socket) -> socket.socket:
    if not backend.path:
        return socket.create_server((backend.host, int(backend.port)))
    if Path(backend.path).is_socket():
        # one that an earlier run has left; anything else of that name stays
        Path(backend.path).unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(backend.path)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
