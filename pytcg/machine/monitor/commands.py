"""The table of the monitor's commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytcg.machine.monitor import memory
from pytcg.machine.monitor.command import Argument, Command, Kind, MonitorError, find
from pytcg.machine.monitor.info import INFO

if TYPE_CHECKING:
    from pytcg.machine.monitor.monitor import Monitor


def info(monitor: Monitor, name: str | None, rest: str | None) -> str:
    if name is None:
        return _list(INFO, "info ")
    command = find(INFO, name)
    if command is None:
        raise MonitorError(f"there is no info {name}: info alone lists what there is")
    return command.run(monitor, *command.split(rest or ""))


def help_(monitor: Monitor, name: str | None) -> str:
    if name == "info":
        return _list(INFO, "info ")
    if name is None:
        return _list(COMMANDS)
    command = find(COMMANDS, name)
    if command is None:
        raise MonitorError(f"there is no command {name}: help lists them")
    return _list((command,))


def _list(table: tuple[Command, ...], prefix: str = "") -> str:
    return "\n".join(f"{prefix}{command.synopsis} -- {command.help}" for command in table)


def stop(monitor: Monitor) -> str:
    monitor.machine.stop()
    return ""


def cont(monitor: Monitor) -> str:
    monitor.machine.cont()
    return ""


def quit_(monitor: Monitor) -> str:
    monitor.machine.quit(0)
    return ""


def system_reset(monitor: Monitor) -> str:
    monitor.machine.restart()
    return ""


def system_powerdown(monitor: Monitor) -> str:
    raise MonitorError("the board has no power button: quit ends the run")


def nmi(monitor: Monitor) -> str:
    raise MonitorError("this CPU has no non-maskable interrupt")


def cpu(monitor: Monitor, number: str) -> str:
    index = monitor.number(number)
    if index >= len(monitor.machine.cpus):
        raise MonitorError(f"there is no CPU {index}")
    monitor.cpu = index
    return ""


def log(monitor: Monitor, items: str) -> str:
    from pytcg.debug.log import SWITCHABLE

    wanted = frozenset() if items == "none" else frozenset(items.split(","))
    if wrong := sorted(wanted - SWITCHABLE):
        raise MonitorError(f"{wrong[0]} is not among {','.join(sorted(SWITCHABLE))}; others are for -d at the start")
    monitor.machine.while_stopped(lambda: monitor.machine.processors.set_log(wanted))
    return ""


def logfile(monitor: Monitor, file: str) -> str:
    try:
        monitor.machine.while_stopped(lambda: monitor.machine.processors.set_log_file(Path(file)))
    except ValueError:
        raise MonitorError(f"{file!r} is no name of a file") from None
    except OSError as error:
        raise MonitorError(f"cannot write {file}: {error.strerror}") from None
    return ""


def ringbuf_read(monitor: Monitor, name: str, size: str) -> str:
    return monitor.ring(name).read(monitor.number(size)).decode(errors="replace")


def ringbuf_write(monitor: Monitor, name: str, data: str) -> str:
    monitor.ring(name).feed(data.encode(errors="replace"))
    return ""


def set_link(monitor: Monitor, name: str, state: str) -> str:
    cards = monitor.machine.plugboard.cards
    if name not in cards:
        raise MonitorError(f"no network card is called {name}: info network lists them")
    if state not in LINK_STATES:
        raise MonitorError(f"a link is on or off, not {state}")
    with monitor.machine.lock:
        cards[name].set_link(state == "on")
    return ""


def _cards(monitor: Monitor) -> list[str]:
    return list(monitor.machine.plugboard.cards)


def _chardevs(monitor: Monitor) -> list[str]:
    return list(monitor.machine.chardevs.devices)


def _cpus(monitor: Monitor) -> list[str]:
    return [str(number) for number in range(len(monitor.machine.cpus))]


def _items(monitor: Monitor) -> list[str]:
    from pytcg.debug.log import SWITCHABLE

    return ["none", *SWITCHABLE]


LINK_STATES = ("on", "off")
ITEMS = Argument("items", choices=_items)
FORMAT = Argument("format", Kind.FORMAT, optional=True)
ADDRESS, SIZE = Argument("address", Kind.NUMBER), Argument("size", Kind.NUMBER)
DEVICE = Argument("chardev", choices=_chardevs)

COMMANDS: tuple[Command, ...] = (
    Command(("cont", "c"), "let the machine run", cont, alone=False),
    Command(
        ("cpu",),
        "choose the CPU that other commands are about",
        cpu,
        (Argument("number", Kind.NUMBER, choices=_cpus),),
    ),
    Command(("gva2gpa",), "the physical address of a virtual one", memory.gva2gpa, (ADDRESS,)),
    Command(
        ("help", "?"),
        "this list, or one command",
        help_,
        (Argument("command", optional=True, choices=lambda monitor: [row.names[0] for row in COMMANDS]),),
    ),
    Command(
        ("info",),
        "what the machine is like; info alone lists what there is to know",
        info,
        (
            Argument("subject", optional=True, choices=lambda monitor: [row.names[0] for row in INFO]),
            Argument("argument", Kind.TEXT, optional=True),
        ),
    ),
    Command(
        ("log",), "log items from now on: int, mmu, strace, unimp, guest_errors; or none", log, (ITEMS,), alone=False
    ),
    Command(("logfile",), "log into a file from now on", logfile, (Argument("file"),), alone=False),
    Command(("memsave",), "virtual memory into a file", memory.memsave, (ADDRESS, SIZE, Argument("file"))),
    Command(("nmi",), "a non-maskable interrupt", nmi),
    Command(("pmemsave",), "physical memory into a file", memory.pmemsave, (ADDRESS, SIZE, Argument("file"))),
    Command(
        ("print", "p"),
        "the value of an expression (/x: hexadecimal)",
        memory.print_value,
        (FORMAT, Argument("expression", Kind.EXPRESSION)),
    ),
    Command(("quit", "q"), "end the run", quit_, alone=False),
    Command(("ringbuf_read",), "take output of the guest from a ring buffer", ringbuf_read, (DEVICE, SIZE)),
    Command(
        ("ringbuf_write",),
        "give the guest input by a ring buffer",
        ringbuf_write,
        (DEVICE, Argument("data", Kind.TEXT)),
    ),
    Command(
        ("set_link",),
        "plug the cable of a network card in or out",
        set_link,
        (Argument("name", choices=_cards), Argument("state", choices=lambda monitor: LINK_STATES)),
        alone=False,
    ),
    Command(("stop", "s"), "stop the machine, its clock included", stop, alone=False),
    Command(("system_powerdown",), "press the power button", system_powerdown),
    Command(("system_reset",), "start the machine anew", system_reset, alone=False),
    Command(
        ("x",),
        "virtual memory; /FMT: a count, x d u o c or i, b h w or g",
        memory.x,
        (FORMAT, Argument("address", Kind.EXPRESSION)),
    ),
    Command(("xp",), "physical memory, likewise", memory.xp, (FORMAT, Argument("address", Kind.EXPRESSION))),
)
