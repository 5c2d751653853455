"""Chardevs on sockets, FIFOs, files, pseudo-terminals and pyserial's URLs, and who gets them."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytcg.devices.chardev import Chardev
from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.backends import Backend, CharacterDevice, File, Null, Pipe, Pty, Ringbuf, Socket, Stdio
from pytcg.machine.chardevs.defaults import with_defaults
from pytcg.machine.chardevs.files import PseudoTerminal
from pytcg.machine.chardevs.pyserial import SerialStream
from pytcg.machine.chardevs.registry import Chardevs
from pytcg.machine.chardevs.sockets import SocketStream
from pytcg.machine.chardevs.wrappers import RingBuffer
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Options

PATIENCE = 5.0


class Echo:
    """A guest that answers in upper case."""

    def __init__(self, chardev: Chardev) -> None:
        self.chardev = chardev
        self.got = b""
        chardev.connect(self)
        chardev.accept_input()

    def can_receive(self) -> int:
        return 4

    def receive(self, data: bytes) -> None:
        self.got += data
        self.chardev.write(data.upper())

    def receive_break(self) -> None:
        """Nobody sends one."""

    def can_send(self) -> None:
        """There is always room."""


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    with EventLoop() as loop:
        yield loop


def turn(loop: EventLoop, until: Callable[[], bool]) -> None:
    """Run the loop until something is so."""
    end = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < end, "it does not come about"
        loop.timer(loop.stop).arm(time.monotonic_ns() + 2_000_000)
        loop.run()


def talk(loop: EventLoop, guest: Echo, fd: int, text: bytes) -> None:
    """Send to the guest, and wait for what it answers."""
    os.set_blocking(fd, False)
    os.write(fd, text)
    answer = b""

    def answered() -> bool:
        nonlocal answer
        try:
            answer += os.read(fd, 100)
        except BlockingIOError:
            return False
        return answer == text.upper()

    turn(loop, answered)
    assert guest.got.endswith(text)


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_server_takes_one_client_after_the_other(loop: EventLoop, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "socket"
    unix = kind == "unix"
    stream = SocketStream(Socket(path=str(path), server=True) if unix else Socket("127.0.0.1", "0", server=True), loop)
    guest = Echo(stream)
    connected: list[int] = []
    stream.on_connect = lambda: connected.append(1)
    stream.write(b"nobody hears this")
    for text in (b"the first", b"the second"):
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as client:
            client.connect(str(path) if unix else ("127.0.0.1", int(stream.place.rpartition(":")[2])))
            talk(loop, guest, client.fileno(), text)
    assert connected == [1]
    stream.close()
    assert not path.exists()


def test_a_client_comes_back_when_the_server_does(loop: EventLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        stream = SocketStream(Socket(host, str(port), reconnect=1), loop)
        guest = Echo(stream)
        for text in (b"once", b"again"):
            server.settimeout(PATIENCE)
            with server.accept()[0] as connection:
                talk(loop, guest, connection.fileno(), text)
            turn(loop, lambda: stream.connection is None)
            turn(loop, lambda: stream.connection is not None)
        stream.close()


def test_a_pseudo_terminal_is_opened_again_and_again(loop: EventLoop, tmp_path: Path) -> None:
    link = tmp_path / "link"
    terminal = PseudoTerminal(Pty(str(link)), loop)
    guest = Echo(terminal)
    assert str(link.readlink()) == terminal.name
    for text in (b"one", b"two"):
        terminal.write(b"not while nobody is there")
        fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        talk(loop, guest, fd, text)
        os.close(fd)
        turn(loop, lambda: not terminal.is_open)
    terminal.close()
    assert not link.is_symlink()


def test_the_loop_url_of_pyserial(loop: EventLoop) -> None:
    pytest.importorskip("serial", reason="the extra `serial` is not installed")
    stream = SerialStream("loop://", loop)
    guest = Echo(stream)
    stream.write(b"round")
    turn(loop, lambda: guest.got.startswith(b"roundROUND"))
    stream.close()


def opened(loop: EventLoop, *devices: CharacterDevice) -> Chardevs:
    return Chardevs(devices, loop, loop.stop)


def test_a_pair_of_fifos(loop: EventLoop, tmp_path: Path) -> None:
    for end in ("in", "out"):
        os.mkfifo(tmp_path / f"x.{end}")
    chardevs = opened(loop, CharacterDevice("a", Pipe(str(tmp_path / "x"))))
    Echo(chardevs.user("a"))
    into, out = (os.open(tmp_path / f"x.{end}", os.O_RDWR) for end in ("in", "out"))
    os.write(into, b"abc")
    turn(loop, lambda: bool(select.select([out], [], [], 0)[0]))
    assert os.read(out, 3) == b"ABC"
    for fd in (into, out):
        os.close(fd)
    chardevs.close()


def test_a_file_and_a_record_of_another_chardev(loop: EventLoop, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("out", "more", "log")]
    paths[1].write_text("before, ")
    chardevs = opened(
        loop,
        CharacterDevice("a", File(str(paths[0])), log_file=paths[2]),
        CharacterDevice("b", File(str(paths[1]), append=True)),
    )
    for name in ("a", "b"):
        chardevs.user(name).write(b"text")
    chardevs.close()
    assert [path.read_text() for path in paths] == ["text", "before, text", "text"]


def test_a_ring_buffer_keeps_the_last(loop: EventLoop) -> None:
    ring = RingBuffer(4)
    guest = Echo(ring)
    ring.feed(b"abcdef")
    assert guest.got == b"abcdef"
    assert (ring.read(3), ring.read(9)) == (b"CDE", b"F")


def test_who_may_use_a_chardev(loop: EventLoop) -> None:
    chardevs = opened(loop, CharacterDevice("one", Null()), CharacterDevice("shared", Ringbuf(16), mux=True))
    for name in ("one", "shared", "shared"):
        chardevs.user(name)
    with pytest.raises(MachineError, match="chardev one has a user already"):
        chardevs.user("one")
    with pytest.raises(MachineError, match=r"no chardev sared \(did you mean shared\?\)"):
        chardevs.user("sared")
    assert chardevs.describe() == ["one: null", "shared: ringbuf, 2 users"]


TERMINAL = CharacterDevice("serial0", Stdio(signal=False), mux=True)
OTHER = CharacterDevice("monitor0", Stdio())


@pytest.mark.parametrize(
    ("options", "chardevs", "serials", "monitors"),
    [
        (Options(), (TERMINAL,), ("serial0",), ("serial0",)),
        (Options(monitors=()), (TERMINAL,), ("serial0",), ()),
        (Options(serials=("",)), (), ("",), ()),
        (Options(defaults=False), (), (), ()),
        (Options(chardevs=(OTHER,), monitors=("monitor0",)), (OTHER,), (), ("monitor0",)),
    ],
)
def test_where_ports_lead_that_nobody_asked_for(
    options: Options, chardevs: tuple[CharacterDevice, ...], serials: tuple[str, ...], monitors: tuple[str, ...]
) -> None:
    found = with_defaults(options)
    assert (found.chardevs, found.serials, found.monitors) == (chardevs, serials, monitors)


@pytest.mark.parametrize("backend", [File("/nowhere/x"), Socket(path="/nowhere/x"), Pipe("/nowhere/x")])
def test_what_cannot_be_opened_is_named(loop: EventLoop, backend: Backend) -> None:
    with pytest.raises(MachineError, match=r"chardev a: cannot open .*/nowhere/x: No such file or directory"):
        opened(loop, CharacterDevice("a", backend))


def test_a_log_file_changes_nothing_else(loop: EventLoop, tmp_path: Path) -> None:
    """A recorded pipe is not read ahead of its users, and a recorded pseudo-terminal is described by its name."""
    devices = (
        CharacterDevice("console", Stdio(), mux=True, log_file=tmp_path / "console"),
        CharacterDevice("line", Pty(), log_file=tmp_path / "line"),
    )
    chardevs = Chardevs(devices, loop, loop.stop)
    line = chardevs.opened["line"]
    assert chardevs.opened["console"].on_terminal == os.isatty(0)
    assert bool(chardevs.muxes["console"].read_ahead) == os.isatty(0)
    assert chardevs.describe()[1] == f"line: pty {line.place}" and line.place.startswith("/dev/")
    chardevs.close()
