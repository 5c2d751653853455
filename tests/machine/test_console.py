"""The console on pipes, files and a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.mux import Mux
from pytcg.machine.chardevs.stdio import Console
from pytcg.machine.chardevs.stream import OUTPUT_LIMIT, Stream

MS = 1_000_000


class Port:
    """The guest's end: takes `places` more bytes."""

    def __init__(self, places: int = 1 << 20) -> None:
        self.places = places
        self.got = b""
        self.sends = 0
        self.breaks = 0

    def can_receive(self) -> int:
        return self.places

    def receive(self, data: bytes) -> None:
        assert len(data) <= self.places
        self.places -= len(data)
        self.got += data

    def receive_break(self) -> None:
        self.breaks += 1

    def can_send(self) -> None:
        self.sends += 1


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    with EventLoop() as loop:
        yield loop


def run_for(loop: EventLoop, ms: int) -> None:
    loop.timer(loop.stop).arm(time.monotonic_ns() + ms * MS)
    loop.run()


class Pipes:
    """A console between two pipes; `host_in` and `host_out` are the other ends."""

    def __init__(self, loop: EventLoop, port: Port) -> None:
        input_fd, self.host_in = os.pipe()
        self.host_out, output_fd = os.pipe()
        self.fds = [input_fd, self.host_in, self.host_out, output_fd]
        self.input_fd, self.output_fd = input_fd, output_fd
        self.quits = 0
        self.loop = loop
        self.backend = Console(loop, self.quit, input_fd, output_fd)
        self.mux = Mux(self.backend, self.quit)
        self.console = self.mux.end()
        self.console.connect(port)
        self.console.accept_input()

    def quit(self) -> None:
        self.quits += 1
        self.loop.stop()

    def close(self) -> None:
        self.backend.close()
        for fd in self.fds:
            os.close(fd)


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def pipes(loop: EventLoop, port: Port) -> Iterator[Pipes]:
    pipes = Pipes(loop, port)
    yield pipes
    pipes.close()


def test_input_and_output_through_pipes(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    os.write(pipes.host_in, b"to the guest")
    for byte in b"to the host":
        pipes.console.write(bytes((byte,)))
    run_for(loop, 5)
    assert port.got == b"to the guest"
    assert os.read(pipes.host_out, 100) == b"to the host"
    assert os.get_blocking(pipes.output_fd), "the descriptor that others share stays as it was"


def test_piped_input_is_read_only_as_the_guest_takes_it(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    port.places = 3
    os.write(pipes.host_in, b"abcdefgh")
    run_for(loop, 3)
    assert port.got == b"abc"
    assert os.read(pipes.input_fd, 1) == b"d", "what the guest has not taken is still in the pipe"
    port.places = 100
    pipes.console.accept_input()
    run_for(loop, 3)
    assert port.got == b"abcefgh"


def test_unread_bytes_come_again_first(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    os.write(pipes.host_in, b"cd")
    pipes.console.unread(b"ab")
    run_for(loop, 3)
    assert port.got == b"abcd"


def test_escapes(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    os.write(pipes.host_in, b"a\x01\x01b\x01")
    run_for(loop, 3)
    os.write(pipes.host_in, b"hc\x01zd\x01b\x01c")
    run_for(loop, 3)
    assert port.got == b"a\x01bcd" and port.breaks == 1
    text = os.read(pipes.host_out, 1000)
    assert b"Ctrl-A x" in text and b"no monitor" in text and b"\r\n" in text
    assert pipes.quits == 0
    os.write(pipes.host_in, b"\x01x")
    loop.run()
    assert pipes.quits == 1


def test_the_input_goes_to_one_user_at_a_time(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    monitor, other = Port(), pipes.mux.end()
    focus: list[bool] = []
    other.on_focus = focus.append
    other.connect(monitor)
    port.places = 1
    os.write(pipes.host_in, b"a")
    run_for(loop, 3)
    port.places = 4
    os.write(pipes.host_in, b"b\x01c12\x01cd")
    pipes.console.accept_input()
    run_for(loop, 3)
    assert (port.got, monitor.got, focus) == (b"abd", b"12", [True, False])
    other.write(b"from both, ")
    pipes.console.write(b"in turn")
    run_for(loop, 3)
    assert os.read(pipes.host_out, 100) == b"from both, in turn"


def test_end_of_input_leaves_the_guest_running_and_idle(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    os.write(pipes.host_in, b"last")
    os.close(pipes.host_in)
    pipes.fds.remove(pipes.host_in)
    cpu = time.process_time()
    run_for(loop, 50)
    assert time.process_time() - cpu < 0.02
    assert port.got == b"last" and pipes.quits == 0
    pipes.console.write(b"still here")
    run_for(loop, 3)
    assert os.read(pipes.host_out, 100) == b"still here"


@pytest.mark.parametrize("content", [None, b"from a file"])
def test_input_from_a_file_or_null(loop: EventLoop, tmp_path: Path, port: Port, content: bytes | None) -> None:
    path = Path("/dev/null")
    if content:
        path = tmp_path / "input"
        path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    stream = Stream(loop, fd, None)
    stream.connect(port)
    stream.accept_input()
    cpu = time.process_time()
    run_for(loop, 50)
    assert time.process_time() - cpu < 0.02
    assert port.got == (content or b"")
    stream.write(b"nowhere to go")
    stream.close()
    os.close(fd)


def test_slow_reader_is_waited_for(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    data = bytes(range(256)) * (OUTPUT_LIMIT // 256)
    for _ in range(2):
        pipes.console.write(data[: pipes.console.room()])
        run_for(loop, 5)
    assert pipes.console.room() < OUTPUT_LIMIT, "the pipe is full"
    seen, got = port.sends, b""
    while len(got) < 2 * len(data):
        got += os.read(pipes.host_out, 1 << 17)
        run_for(loop, 2)
    assert got == data * 2
    assert pipes.console.room() == OUTPUT_LIMIT and port.sends > seen


def test_close_sends_everything(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    pipes.console.write(b"x" * OUTPUT_LIMIT)
    pipes.backend.close()
    assert len(os.read(pipes.host_out, 1 << 20)) == OUTPUT_LIMIT
    pipes.backend.close()


def test_reader_that_has_gone(loop: EventLoop, port: Port, pipes: Pipes) -> None:
    os.close(pipes.host_out)
    pipes.fds.remove(pipes.host_out)
    pipes.console.write(b"x" * 100)
    run_for(loop, 5)
    assert pipes.console.room() == OUTPUT_LIMIT and pipes.quits == 0


PROGRAM = """
import sys
from pytcg.exec.events.eventloop import EventLoop
from pytcg.machine.chardevs.mux import Mux
from pytcg.machine.chardevs.stdio import Console

class Echo:
    def can_receive(self):
        return 16 if sys.argv[1] != "deaf" else 0
    def receive(self, data):
        if b"!" in data:
            raise RuntimeError("a bug")
        if b"@" in data:
            sys.exit(3)
        console.write(b"<" + data.hex().encode() + b">")
    def can_send(self):
        pass

loop = EventLoop()
backend = Console.on_stdio(loop, loop.stop)
console = Mux(backend, loop.stop, reads_ahead=backend.on_terminal).end()
console.connect(Echo())
console.write(b"ready")
console.accept_input()
print("listening", file=sys.stderr, flush=True)
if sys.argv[1] == "close":
    try:
        loop.run()
    finally:
        backend.close()
        loop.close()
else:
    loop.run()
"""


class Terminal:
    """PROGRAM in a pseudo-terminal."""

    def __init__(self, how: str) -> None:
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, how], stdin=self.slave, stdout=self.slave, stderr=subprocess.PIPE
        )
        self.seen = b""
        self.expect(b"ready")

    def expect(self, text: bytes) -> None:
        while text not in self.seen:
            self.seen += os.read(self.master, 1000)

    def send(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def ended(self) -> int:
        self.process.communicate(timeout=10)
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is as it was"
        os.close(self.master)
        os.close(self.slave)
        return self.process.returncode


def test_raw_terminal() -> None:
    terminal = Terminal("close")
    assert not termios.tcgetattr(terminal.slave)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    terminal.send(b"\x03")
    terminal.expect(b"<03>")
    terminal.send(b"\x1a\r")
    terminal.expect(b"0d>")
    terminal.send(b"\x01x")
    terminal.expect(b"terminated")
    assert terminal.ended() == 0


def test_escape_works_while_the_guest_takes_no_input() -> None:
    terminal = Terminal("deaf")
    terminal.send(b"help!" * 100)
    terminal.send(b"\x01x")
    assert terminal.ended() == 0


@pytest.mark.parametrize("how", ["close", "atexit"])
@pytest.mark.parametrize("end, status", [(signal.SIGTERM, 0), (signal.SIGINT, 0), (b"!", 1), (b"@", 3)])
def test_every_way_out_restores_the_terminal(how: str, end: signal.Signals | bytes, status: int) -> None:
    terminal = Terminal(how)
    if isinstance(end, bytes):
        terminal.send(end)
    else:
        terminal.process.send_signal(end)
    assert terminal.ended() == status


def test_terminal_that_goes_away() -> None:
    terminal = Terminal("close")
    os.close(terminal.slave)
    os.close(terminal.master)
    terminal.process.communicate(timeout=10)
    assert terminal.process.returncode == 0


def test_process_with_closed_descriptors() -> None:
    command = f"exec '{sys.executable}' -c \"$0\" close <&- >&-"
    with subprocess.Popen(["sh", "-c", command, PROGRAM], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"listening\n"
        process.terminate()
    assert process.returncode == 0
