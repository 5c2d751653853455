"""A monitor on a chardev: a prompt, and each line done between two turns of the event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pytcg.devices.chardev import Chardev
from pytcg.machine.chardevs.mux import MuxEnd
from pytcg.machine.errors import MachineError
from pytcg.machine.monitor.editor import LineEditor
from pytcg.machine.monitor.monitor import Monitor

#: what programs that drive QEMU's monitor wait for
PROMPT = "(qemu) "
BANNER = "pytcg monitor - type 'help' for more information\r\n"
ROOM = 4096


class MonitorSession:
    """The port of a chardev. `later` has a function called with no lock held, between two turns of the event loop."""

    def __init__(self, chardev: Chardev, monitor: Monitor, later: Callable[[Callable[[], None]], None]) -> None:
        self.chardev = chardev
        self.monitor = monitor
        self.later = later
        self.editor = LineEditor(PROMPT, self._write, self._submit, monitor.complete)
        #: what did not fit into the chardev yet
        self._unsent = bytearray()
        self._lines: deque[str] = deque()
        self._greeted = False
        chardev.connect(self)
        if isinstance(chardev, MuxEnd) and chardev.mux.ends[0] is not chardev:
            chardev.on_focus = self._focused
        else:
            self._greet()
            chardev.accept_input()

    def can_receive(self) -> int:
        return ROOM

    def receive(self, data: bytes) -> None:
        self.editor.feed(data.decode("latin-1"))

    def receive_break(self) -> None:
        """A break means nothing to a monitor."""

    def can_send(self) -> None:
        count = min(self.chardev.room(), len(self._unsent))
        if count:
            data = bytes(self._unsent[:count])
            del self._unsent[:count]
            self.chardev.write(data)

    def _write(self, text: str) -> None:
        self._unsent += text.encode(errors="replace")
        self.can_send()

    def _greet(self) -> None:
        if not self._greeted:
            self._greeted = True
            self._write(BANNER)
        self.editor.show()

    def _focused(self, focused: bool) -> None:
        self._write("\r\n")
        if focused:
            self._greet()

    def _submit(self, line: str) -> None:
        self._lines.append(line)
        self.later(self._execute)

    def _execute(self) -> None:
        """Do the next line."""
        try:
            answer = self.monitor.execute(self._lines.popleft())
        except MachineError as error:
            answer = f"Error: {error}"
        with self.monitor.machine.lock:
            if answer:
                self._write(answer.rstrip("\n").replace("\n", "\r\n") + "\r\n")
            self.editor.show()
