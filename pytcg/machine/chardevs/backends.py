"""What a character device can lead to on the host, as values. `-chardev help` and the parser derive from the table.

The fields of a backend are its properties in QEMU's spelling (`_` for `-`), its docstring is its help.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Null:
    """takes everything, gives nothing"""


@dataclass(frozen=True)
class Stdio:
    """this terminal, or the pipes that pytcg was started with; signal=off: Ctrl-C goes to the guest"""

    signal: bool = True


@dataclass(frozen=True)
class Pty:
    """a new pseudo-terminal, whose name is printed; path: a symbolic link to it"""

    path: str = ""


@dataclass(frozen=True)
class File:
    """output into a file; input, if any, from another"""

    path: str = ""
    input_path: str = ""
    append: bool = False


@dataclass(frozen=True)
class Pipe:
    """two FIFOs, PATH.in and PATH.out, or one for both"""

    path: str = ""


@dataclass(frozen=True)
class Socket:
    """TCP (host, port) or a Unix socket (path), as client or server; reconnect: seconds"""

    host: str = ""
    port: str = ""
    path: str = ""
    server: bool = False
    wait: bool = True
    nodelay: bool = False
    reconnect: int = 0

    @property
    def address(self) -> str:
        """How messages name it."""
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.port}"


@dataclass(frozen=True)
class Serial:
    """a serial port of the host, or any URL of pyserial"""

    path: str = ""


@dataclass(frozen=True)
class Ringbuf:
    """memory that keeps the last bytes of output (a power of two), for the monitor's ringbuf_read"""

    size: int = 1 << 16


Backend = Null | Stdio | Pty | File | Pipe | Socket | Serial | Ringbuf
BACKENDS: dict[str, type[Backend]] = {
    "null": Null,
    "stdio": Stdio,
    "pty": Pty,
    "file": File,
    "pipe": Pipe,
    "socket": Socket,
    "serial": Serial,
    "ringbuf": Ringbuf,
}
#: properties that the backend cannot do without
REQUIRED: dict[type[Backend], str] = {File: "path", Pipe: "path", Serial: "path"}


@dataclass(frozen=True)
class CharacterDevice:
    """One character device: `mux` lets several ports and monitors share it, `log_file` keeps its output."""

    id: str
    backend: Backend
    mux: bool = False
    log_file: Path | None = None
    log_append: bool = False
