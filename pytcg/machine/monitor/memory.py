"""Commands that look at memory: x, xp, memsave, pmemsave, gva2gpa."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytcg.machine.monitor.command import MonitorError
from pytcg.softmmu.regions import BusError, Rom

if TYPE_CHECKING:
    from pytcg.machine.monitor.monitor import Monitor

MASK64 = (1 << 64) - 1
PAGE = 4096
SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
#: bytes of a line of a dump
LINE = 16
#: bytes shown at most, and disassembled an instruction at most
LIMIT, LONGEST = 1 << 20, 4

#: from address and size to bytes; raises BusError
Read = Callable[[int, int], bytes]


def parse_format(text: str | None) -> tuple[int, str, int]:
    """Count, letter and unit size of /FMT, such as 16xw. Raises MonitorError."""
    match = re.fullmatch(r"(\d{0,20})([xduoci]?)([bhwg]?)", (text or "").lstrip("/"))
    if match is None:
        raise MonitorError(f"{text}: a format is a count, x d u o c or i, and b h w or g")
    letter = match[2] or "x"
    return int(match[1] or 1), letter, SIZES[match[3] or ("b" if letter == "c" else "w")]


def show_value(value: int, letter: str, size: int) -> str:
    """One number in the format of a letter."""
    bits = 8 * size
    match letter:
        case "d":
            return str(value - (1 << bits) if value >> bits - 1 else value)
        case "u":
            return str(value)
        case "o":
            return f"{value:#o}"
        case "c":
            return repr(chr(value & 0xFF))
    return f"{value:#0{2 * size + 2}x}"


def dump(monitor: Monitor, form: str | None, address: int, read: Read) -> str:
    """Memory in a format, a line for 16 bytes. What cannot be read ends it with a message."""
    count, letter, size = parse_format(form)
    if count * size > LIMIT:
        raise MonitorError(f"{count} items are too many: a dump is of at most {LIMIT} bytes")
    lines = []
    if letter == "i":
        code = read(address, count * LONGEST)
        return "\n".join(monitor.machine.inspect.disassemble(code, address)[:count])
    for at in range(0, count * size, LINE):
        length = min(LINE, count * size - at)
        start = address + at & MASK64
        data = read(start, length)
        values = [int.from_bytes(data[n : n + size], "little") for n in range(0, length, size)]
        lines.append(f"{start:016x}: {' '.join(show_value(value, letter, size) for value in values)}")
    return "\n".join(lines)


def read_physical(monitor: Monitor, address: int, size: int) -> bytes:
    """Guest physical memory; registers of devices are not read. Raises MonitorError."""
    memory = monitor.machine.memory
    region = memory.find(address)
    if not isinstance(region, Rom) or address + size > region.end:
        what = "are registers of a device" if region and not isinstance(region, Rom) else "is no memory"
        raise MonitorError(f"cannot access memory at {address:#x}: there {what}")
    try:
        return memory.read(address, size).to_bytes(size, "little")
    except BusError as error:
        raise MonitorError(str(error)) from None


def read_virtual(monitor: Monitor, address: int, size: int) -> bytes:
    """Guest virtual memory as the current CPU has it. Raises MonitorError."""
    pieces = []
    while size > 0:
        length = min(size, PAGE - address % PAGE)
        physical = translate(monitor, address)
        pieces.append(read_physical(monitor, physical, length))
        address, size = address + length & MASK64, size - length
    return b"".join(pieces)


def translate(monitor: Monitor, address: int) -> int:
    """The physical address of a virtual one. Raises MonitorError."""
    physical = monitor.machine.inspect.translate(monitor.cpu, address)
    if physical is None:
        raise MonitorError(f"cannot access memory at {address:#x}: it is not mapped")
    return physical


def x(monitor: Monitor, form: str | None, address: str) -> str:
    return dump(monitor, form, monitor.number(address), lambda at, size: read_virtual(monitor, at, size))


def xp(monitor: Monitor, form: str | None, address: str) -> str:
    return dump(monitor, form, monitor.number(address), lambda at, size: read_physical(monitor, at, size))


def gva2gpa(monitor: Monitor, address: str) -> str:
    return f"gpa: {translate(monitor, monitor.number(address)):#x}"


def print_value(monitor: Monitor, form: str | None, value: str) -> str:
    _, letter, _ = parse_format(form or "/d")
    number = monitor.number(value)
    return f"{number:#x}" if letter == "x" else show_value(number, letter, 8)


def memsave(monitor: Monitor, address: str, size: str, file: str) -> str:
    return _save(file, monitor.number(address), monitor.number(size), lambda at, n: read_virtual(monitor, at, n))


def pmemsave(monitor: Monitor, address: str, size: str, file: str) -> str:
    return _save(file, monitor.number(address), monitor.number(size), lambda at, n: read_physical(monitor, at, n))


def _save(file: str, address: int, size: int, read: Read) -> str:
    try:
        with Path(file).open("wb") as out:
            for at in range(0, size, PAGE):
                out.write(read(address + at & MASK64, min(PAGE, size - at)))
    except ValueError:
        raise MonitorError(f"{file!r} is no name of a file") from None
    except OSError as error:
        raise MonitorError(f"cannot write {file}: {error.strerror}") from None
    return ""
