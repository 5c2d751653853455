"""Reads -serial, -monitor, -chardev and -mon, as QEMU spells them. All raise MachineError for what they cannot read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from pytcg.cli.parse import Answer
from pytcg.cli.values import integer, properties, switch
from pytcg.machine.chardevs.backends import (
    BACKENDS,
    REQUIRED,
    Backend,
    CharacterDevice,
    Null,
    Pty,
    Ringbuf,
    Serial,
    Socket,
    Stdio,
)
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.options import Options

#: what -serial and -monitor take; also for help
SHORT_FORMS = (
    "stdio, pty, null, none, file:PATH, pipe:PATH, tcp:HOST:PORT[,server][,wait=off], unix:PATH[,...], "
    "chardev:ID, a URL of pyserial"
)
COMMON = ("id", "mux", "logfile", "logappend")
#: forms without anything after a colon
PLAIN: dict[str, Backend] = {"null": Null(), "vc": Null(), "stdio": Stdio(), "pty": Pty(), "ringbuf": Ringbuf()}


def add_serial(options: Options, text: str) -> Options:
    """-serial."""
    return _add(options, "serial", text)


def add_monitor(options: Options, text: str) -> Options:
    """-monitor."""
    return _add(options, "monitor", text)


def add_chardev(options: Options, text: str) -> Options:
    """-chardev BACKEND,id=ID,..."""
    name = text.partition(",")[0]
    if name == "help":
        lines = [f"{name:<10}{(kind.__doc__ or '').partition(chr(10))[0]}" for name, kind in BACKENDS.items()]
        raise Answer("\n".join(["Backends of -chardev BACKEND,id=ID[,mux=on][,logfile=FILE]:", *lines]))
    if name == "tty":
        name = "serial"
    if name not in BACKENDS:
        raise MachineError(f"-chardev {name}: there is no such backend{suggestion(name, BACKENDS)}: help lists them")
    kind = BACKENDS[name]
    found = _properties(f"-chardev {name}", text, kind)
    if not found.get("id"):
        raise MachineError(f"-chardev {name} needs id=")
    log = Path(found["logfile"]) if "logfile" in found else None
    mux, append = (switch(f"-chardev {name},{key}", found.get(key, "off")) for key in ("mux", "logappend"))
    device = CharacterDevice(found["id"], _backend(f"-chardev {name}", kind, found), mux, log, append)
    return _with(options, device)


def add_mon(options: Options, text: str) -> Options:
    """-mon [chardev=]ID[,mode=readline]."""
    found = properties("-mon", text, ("chardev", "mode", "pretty"), "chardev")
    if found.get("mode", "readline") != "readline":
        raise MachineError(f"-mon mode={found['mode']}: there is only readline")
    if not found.get("chardev"):
        raise MachineError("-mon needs chardev=ID")
    return replace(options, monitors=(*(options.monitors or ()), found["chardev"]))


def escape_key(text: str) -> int:
    """-echr: a control code."""
    code = integer("-echr", text)
    if not 1 <= code <= 255:
        raise MachineError(f"-echr {text}: a key is 1 (Ctrl-A) to 255")
    return code


def _add(options: Options, kind: str, text: str) -> Options:
    """Add a serial port or a monitor."""
    option = f"-{kind}"
    used = (options.serials if kind == "serial" else options.monitors) or ()
    muxed, plain = text.startswith("mon:"), text.removeprefix("mon:")
    if plain.startswith("chardev:"):
        name = plain.removeprefix("chardev:")
    elif plain == "none":
        name = ""
    else:
        name = f"{kind}{len(used)}"
        options = _with(options, CharacterDevice(name, _short(option, plain, muxed), muxed))
    if kind == "monitor":
        return replace(options, monitors=(*used, name) if name else used)
    if muxed:
        options = replace(options, monitors=(*(options.monitors or ()), name))
    return replace(options, serials=(*used, name))


def _with(options: Options, device: CharacterDevice) -> Options:
    if any(device.id == other.id for other in options.chardevs):
        raise MachineError(f"there are two chardevs with the id {device.id}")
    return replace(options, chardevs=(*options.chardevs, device))


def _short(option: str, text: str, muxed: bool) -> Backend:
    """The backend of a short form."""
    kind, colon, rest = text.partition(":")
    if text == "stdio":
        return Stdio(signal=not muxed)
    if text in PLAIN:
        return PLAIN[text]
    if rest.startswith("//") or text.startswith("/dev/"):
        return Serial(text)
    if colon and kind in ("file", "pipe"):
        return _backend(option, BACKENDS[kind], {"path": rest})
    if colon and kind == "unix":
        return _backend(option, Socket, {"path": "", **_properties(option, rest, Socket, "path")})
    if colon and kind == "tcp":
        found = _properties(option, rest, Socket, "address")
        host, separator, port = found.pop("address", "").rpartition(":")
        if not separator:
            raise MachineError(f"{option} {text}: an address is HOST:PORT")
        return _backend(option, Socket, {**found, "host": host.strip("[]"), "port": port})
    choices = [form.partition(":")[0] for form in SHORT_FORMS.split(", ")]
    raise MachineError(f"{option} {text}: there is only {SHORT_FORMS}{suggestion(kind, choices)}")


def _properties(option: str, text: str, kind: type[Backend], first: str = "backend") -> dict[str, str]:
    """The properties of a backend; `nowait` is wait=off, and so for every switch."""
    names = {field.name.replace("_", "-"): field.type for field in fields(kind)}
    negated = {f"no{name}": name for name, type_ in names.items() if type_ == "bool"}
    found = properties(option, text, (*names, *COMMON, *negated), first)
    for negative, name in negated.items():
        if found.pop(negative, "") == "on":
            found[name] = "off"
    return found


def _backend(option: str, kind: type[Backend], found: dict[str, str]) -> Backend:
    convert: dict[str, Callable[[str, str], object]] = {
        "bool": switch,
        "int": integer,
        "str": lambda option, text: text,
    }
    values: dict[str, Any] = {
        field.name: convert[str(field.type)](f"{option},{name}", found[name])
        for field in fields(kind)
        if (name := field.name.replace("_", "-")) in found
    }
    backend = kind(**values)
    needed = REQUIRED.get(kind)
    if needed and not getattr(backend, needed):
        raise MachineError(f"{option}: {needed} is missing")
    if isinstance(backend, Socket):
        check_socket(option, backend)
    if isinstance(backend, Ringbuf):
        _check_ring(option, backend)
    return backend


def check_socket(option: str, backend: Socket) -> None:
    """Raises MachineError for a socket that cannot be."""
    if bool(backend.path) == bool(backend.port):
        raise MachineError(f"{option}: a socket has a path, or a host and a port")
    if backend.port and not (backend.port.isdecimal() and int(backend.port) < 1 << 16):
        raise MachineError(f"{option}: {backend.port!r} is not a port")
    if backend.server and backend.reconnect:
        raise MachineError(f"{option}: a server does not reconnect")


def _check_ring(option: str, backend: Ringbuf) -> None:
    if backend.size <= 0 or backend.size & backend.size - 1:
        raise MachineError(f"{option}: size {backend.size} is not a power of two")
