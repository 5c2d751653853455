"""Several users of one chardev, serial ports and monitors: Ctrl-A c hands the input on from one to the next."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.devices.chardev import Chardev

CTRL_A = 1
#: input is read so far ahead of the guest, so that the escapes work while it takes none
READ_AHEAD = 1 << 16
#: key after the escape -> what it does; `help` derives from it
KEYS = {
    "h": "this help",
    "x": "end the emulator",
    "b": "send a break to the guest",
    "c": "the monitor, and back",
}


class MuxEnd(Chardev):
    """One user's end of a `Mux`; input that the user has not taken yet waits here."""

    def __init__(self, mux: Mux) -> None:
        self.mux = mux
        self.inbox = bytearray()
        #: called when the input comes here, or goes elsewhere
        self.on_focus: Callable[[bool], None] = lambda focused: None

    def room(self) -> int:
        return self.mux.backend.room()

    def write(self, data: bytes) -> None:
        self.mux.backend.write(data)

    def accept_input(self) -> None:
        self.deliver()
        self.mux.backend.accept_input()

    def unread(self, data: bytes) -> None:
        self.inbox[:0] = data

    def hurry(self) -> None:
        self.mux.backend.hurry()

    def close(self) -> None:
        """The backend is the mux's to close."""

    def deliver(self) -> None:
        """Hand over what the user takes now."""
        while self.inbox and self.port and (count := self.port.can_receive()):
            data = bytes(self.inbox[:count])
            del self.inbox[:count]
            self.port.receive(data)


class Mux:
    """The backend's port. `escape` begins the key sequences of KEYS, and `quit` is called for the one that ends.

    `reads_ahead`: read input before anyone takes it, so that escapes come through at once. The first end has the input
    first.
    """

    def __init__(
        self, backend: Chardev, quit: Callable[[], None], escape: int = CTRL_A, reads_ahead: bool = False
    ) -> None:
        self.backend = backend
        self.quit = quit
        self.escape = escape
        self.read_ahead = READ_AHEAD if reads_ahead else 0
        self.ends: list[MuxEnd] = []
        self.focus = 0
        self._escaped = False
        backend.connect(self)

    def end(self) -> MuxEnd:
        """A new user's end."""
        end = MuxEnd(self)
        self.ends.append(end)
        return end

    def can_receive(self) -> int:
        if not self.ends:
            return 0
        end = self.ends[self.focus]
        places = end.port.can_receive() if end.port else 0
        return max(max(places, self.read_ahead) - len(end.inbox), 0)

    def receive(self, data: bytes) -> None:
        for byte in data:
            if self._escaped:
                self._escaped = False
                if byte != self.escape:
                    self._command(chr(byte))
                    continue
            elif byte == self.escape:
                self._escaped = True
                continue
            self.ends[self.focus].inbox.append(byte)
        for end in self.ends:
            end.deliver()

    def receive_break(self) -> None:
        """A break came over the backend's own line."""
        self._break()

    def can_send(self) -> None:
        for end in self.ends:
            if end.port:
                end.port.can_send()

    def show(self, text: str) -> None:
        """Print a message of the emulator's own."""
        self.backend.write(text.replace("\n", "\r\n").encode())

    def _command(self, key: str) -> None:
        if key == "x":
            self.show("pytcg: terminated\n")
            self.backend.hurry()
            self.quit()
        elif key == "c":
            self._switch()
        elif key == "b":
            self._break()
        elif key in "h?":
            name = f"Ctrl-{chr(self.escape + 64)}" if self.escape < 32 else chr(self.escape)
            keys = {**KEYS, name: f"send {name} to the guest"}
            self.show("\n" + "".join(f"{name} {key:<8}{text}\n" for key, text in keys.items()))

    def _switch(self) -> None:
        if len(self.ends) < 2:
            self.show("\nThere is no monitor on this line.\n")
            return
        old = self.ends[self.focus]
        self.focus = (self.focus + 1) % len(self.ends)
        new = self.ends[self.focus]
        old.on_focus(False)
        new.on_focus(True)

    def _break(self) -> None:
        port = self.ends[self.focus].port if self.ends else None
        if port:
            port.receive_break()
