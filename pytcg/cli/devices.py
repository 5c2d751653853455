"""The options about devices: -device, -global, -drive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytcg.cli.parse import Answer
from pytcg.cli.values import integer, only, properties, size, switch
from pytcg.machine.errors import MachineError, suggestion
from pytcg.machine.options import DeviceSpec, Drive, FirmwareFile, Loader, Options

if TYPE_CHECKING:
    from pytcg.machine.models import Model

LOADER_HELP = 'name "loader", desc "put a file into memory: file=FILE[,addr=ADDRESS][,force-raw=on]"'
#: what -drive can be asked for
DRIVE = ("file", "if", "format", "id", "unit", "index", "readonly", "snapshot", "cache", "discard", "media")
#: what goes without saying here
CUSTOMARY = {"aio": ("threads", "native", "io_uring"), "rerror": ("report",), "werror": ("report",)}
LOCKING = ("file.locking", "locking")
RANDOM_FILES = ("/dev/urandom", "/dev/random")
INTERFACES = ("none", "virtio", "pflash")
#: when writes reach stable storage, by QEMU's cache mode
CACHES = {"writeback": "flush", "none": "flush", "writethrough": "always", "directsync": "always", "unsafe": "never"}


def _unsigned(bits: int) -> Any:
    def read(option: str, text: str) -> int:
        value = integer(option, text)
        if not 0 <= value < 1 << bits:
            raise MachineError(f"{option}: {text} is not a number of {bits} bits")
        return value

    return read


#: how a property is read, by its kind
READERS = {
    "str": lambda option, text: text,
    "bool": switch,
    "size": size,
    "uint16": _unsigned(16),
    "uint32": _unsigned(32),
}


def _property(model: Model, option: str, name: str, text: str) -> tuple[str, Any]:
    """The value of a property. Raises MachineError."""
    return name, READERS[model.property(name).kind](f"{option} {model.name},{name}", text)


def device(options: Options, text: str) -> Options:
    """-device"""
    from pytcg.machine.models import devices_help, find_device, properties_help

    if text in ("help", "?"):
        raise Answer(f"{devices_help()}\n{LOADER_HELP}")
    name, _, rest = text.partition(",")
    name = name.removeprefix("driver=")
    if name == "loader":
        return _loader(options, text)
    model = find_device(name)
    if rest in ("help", "?"):
        raise Answer(properties_help(model))
    known = [one.name for one in model.properties]
    given = properties(f"-device {model.name}", rest, known) if rest else {}
    values = tuple(_property(model, "-device", *item) for item in given.items())
    return replace(options, devices=(*options.devices, DeviceSpec(model.name, values)))


def _loader(options: Options, text: str) -> Options:
    found = properties("-device loader", text, ("file", "addr", "force-raw"), "driver")
    if not found.get("file"):
        raise MachineError("-device loader needs file=")
    address = integer("-device loader,addr", found["addr"]) if "addr" in found else None
    raw = switch("-device loader,force-raw", found.get("force-raw", "off"))
    return replace(options, loaders=(*options.loaders, Loader(Path(found["file"]), address, raw)))


def default(options: Options, text: str) -> Options:
    """-global driver.property=value, or driver=…,property=…,value=…"""
    from pytcg.machine.models import MODELS, find_model

    if text.startswith("driver="):
        found = properties("-global", text, ("driver", "property", "value"))
        driver, name, value = (found.get(key, "") for key in ("driver", "property", "value"))
    else:
        path, _, value = text.partition("=")
        driver, _, name = path.rpartition(".")
    if not driver or not name:
        raise MachineError(f"-global {text}: not DRIVER.PROPERTY=VALUE")
    model = find_model(driver)
    if model is None:
        raise MachineError(f"-global: no device {driver!r}{suggestion(driver, (one.name for one in MODELS))}")
    spec = DeviceSpec(model.name, (_property(model, "-global", name, value),))
    return replace(options, globals=(*options.globals, spec))


def drive(options: Options, text: str) -> Options:
    """-drive"""
    found = properties("-drive", text, (*DRIVE, *LOCKING, *CUSTOMARY))
    if not found.get("file"):
        raise MachineError(f"-drive {text}: it needs file=")
    interface, cache = found.get("if", "virtio"), found.get("cache", "writeback")
    only("-drive if", interface, INTERFACES)
    only("-drive format", found.get("format", "raw"), ("raw",))
    only("-drive media", found.get("media", "disk"), ("disk",))
    only("-drive cache", cache, CACHES)
    for name, values in CUSTOMARY.items():
        only(f"-drive {name}", found.get(name, values[0]), values)
    only("-drive discard", found.get("discard", "unmap"), ("unmap", "on", "ignore", "off"))
    unit = found.get("unit", found.get("index"))
    made = Drive(
        Path(found["file"]),
        interface,
        found.get("id", ""),
        integer("-drive unit", unit) if unit else None,
        switch("-drive readonly", found.get("readonly", "off")),
        switch("-drive snapshot", found.get("snapshot", "off")),
        CACHES[cache],
        found.get("discard", "unmap") in ("unmap", "on"),
        all(found.get(name) != "off" for name in LOCKING),
    )
    return replace(options, drives=(*options.drives, made))


def firmware_file(options: Options, text: str) -> Options:
    """-fw_cfg"""
    found = properties("-fw_cfg", text, ("name", "file", "string"), "name")
    if ("file" in found) == ("string" in found):
        raise MachineError(f"-fw_cfg {text}: it needs one of file= and string=")
    path = Path(found["file"]) if "file" in found else None
    file = FirmwareFile(found.get("name", ""), path, found.get("string", ""))
    return replace(options, firmware_files=(*options.firmware_files, file))


def flash(options: Options, text: str) -> Options:
    """-pflash"""
    return replace(options, drives=(*options.drives, Drive(Path(text), "pflash")))


def random_source(options: Options, text: str) -> Options:
    """-object rng-random|rng-builtin,id=ID[,filename=FILE]: whichever, it is the host's source of random numbers."""
    found = properties("-object", text, ("qom-type", "id", "filename"), "qom-type")
    only("-object", found.get("qom-type", ""), ("rng-random", "rng-builtin"))
    only("-object rng-random,filename", found.get("filename", RANDOM_FILES[0]), RANDOM_FILES)
    if not found.get("id"):
        raise MachineError(f"-object {text}: it needs id=")
    return replace(options, random_sources=(*options.random_sources, found["id"]))
