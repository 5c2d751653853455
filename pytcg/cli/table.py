"""The options of pytcg-system: the one table that parser and help derive from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from pytcg import __version__
from pytcg.cli.console import SHORT_FORMS, add_chardev, add_mon, add_monitor, add_serial, escape_key
from pytcg.cli.devices import default, device, drive, firmware_file, flash, random_source
from pytcg.cli.network import add_net, add_netdev, add_nic
from pytcg.cli.parse import Answer, Option
from pytcg.cli.values import date, integer, memory_size, only, properties, switch
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Accelerator, Icount, Options

#: the version of QEMU whose options are spoken: tools that drive QEMU read this line
QEMU_VERSION = "9.2.0"
#: QEMU's accelerators besides tcg: passed over where several are named
ABSENT_ACCELERATORS = ("kvm", "hvf", "whpx", "nvmm", "xen", "hax", "mshv", "qtest")
#: branches in host code reach no further
CODE_MIB_LIMIT = 2047
#: -icount: the longest that an instruction may take, and how long with `auto`, in log2 of nanoseconds
MAX_SHIFT, AUTO_SHIFT = 10, 3
TOPOLOGY = ("sockets", "dies", "clusters", "cores", "threads")

Apply = Callable[[Options, str], Options]


def _machine(options: Options, text: str) -> Options:
    if text == "help":
        from pytcg.machine.boards import list_boards

        raise Answer(list_boards(options.arch))
    found = properties("-M", text, None, "type")
    if "dumpdtb" in found:
        options = replace(options, dump_tree=Path(found.pop("dumpdtb")))
    if "accel" in found:
        options = _accelerators(options, [(name, name) for name in found.pop("accel").split(":")])
    board = found.pop("type", options.board)
    return replace(options, board=board, board_options=tuple(found.items()))


def _cpu(options: Options, text: str) -> Options:
    if text == "help":
        from pytcg.machine.cpus import list_cpus

        raise Answer(list_cpus())
    return replace(options, cpu=text)


def _memory(options: Options, text: str) -> Options:
    return replace(options, memory=memory_size("-m", properties("-m", text, ("size",), "size")["size"]))


def _smp(options: Options, text: str) -> Options:
    found = {
        name: integer("-smp", value)
        for name, value in properties("-smp", text, ("cpus", "maxcpus", *TOPOLOGY), "cpus").items()
    }
    if min(found.values()) < 1:
        raise MachineError(f"-smp {text}: a machine needs CPUs")
    places = prod(found.get(name, 1) for name in TOPOLOGY)
    cpus = found.get("cpus", found.get("maxcpus", places))
    if found.get("maxcpus", cpus) != cpus or cpus % places:
        raise MachineError(f"-smp {text}: CPUs cannot be added later, so all numbers must agree")
    return replace(options, cpus=cpus)


def _accelerators(options: Options, asked: list[tuple[str, str]]) -> Options:
    """Take the first accelerator that there is; what earlier options took stays."""
    for name, text in asked:
        if options.accelerator and options.accelerator.name == "tcg":
            break
        if name == "tcg":
            found = properties("-accel", text, ("backend", "cache", "count", "tb-size", "thread"), "accel")
            only("-accel tcg,thread", found.get("thread", "multi"), ("multi",))
            count = switch("-accel tcg,count", found.get("count", "off"))
            mib = integer("-accel tcg,tb-size", found.get("tb-size", str(Accelerator.code_mib)))
            if not 1 <= mib <= CODE_MIB_LIMIT:
                raise MachineError(f"-accel tcg,tb-size={mib}: code memory is of 1 to {CODE_MIB_LIMIT} MiB")
            accelerator = Accelerator(name, found.get("backend", ""), count, found.get("cache", "on"), mib)
            options = replace(options, accelerator=accelerator)
        elif name in ABSENT_ACCELERATORS:
            options = replace(options, accelerator=Accelerator(name))
        else:
            only("-accel", name, ("tcg",))
    return options


def _accel(options: Options, text: str) -> Options:
    if text == "help":
        raise Answer("Accelerators:\ntcg")
    return _accelerators(options, [(text.partition(",")[0], text)])


def _action(options: Options, text: str) -> Options:
    """-action EVENT=ACTION,...: what the guest's events lead to."""
    actions = {
        "reboot": ("reset", "shutdown"),
        "shutdown": ("poweroff", "pause"),
        "panic": ("none", "pause", "shutdown", "exit-failure"),
        "watchdog": ("none", "reset", "shutdown", "poweroff", "pause", "debug", "inject-nmi"),
    }
    found = properties("-action", text, actions)
    for event, action in found.items():
        only(f"-action {event}", action, actions[event])
    return replace(
        options,
        no_reboot=found.get("reboot", "shutdown" if options.no_reboot else "") == "shutdown",
        no_shutdown=found.get("shutdown", "pause" if options.no_shutdown else "") == "pause",
    )


def _rtc(options: Options, text: str) -> Options:
    found = properties("-rtc", text, ("base", "clock", "driftfix"))
    only("-rtc clock", found.get("clock", "vm"), ("host", "rt", "vm"))
    return replace(options, epoch_ns=date("-rtc base", found.get("base", "utc")))


def _icount(options: Options, text: str) -> Options:
    found = properties("-icount", text, ("shift", "sleep", "align"), "shift")
    only("-icount align", found.get("align", "off"), ("off",))
    shift = found.get("shift", "auto")
    number = AUTO_SHIFT if shift == "auto" else integer("-icount shift", shift)
    if not 0 <= number <= MAX_SHIFT:
        raise MachineError(f"-icount shift={number}: an instruction takes 2**0 to 2**{MAX_SHIFT} ns")
    return replace(options, icount=Icount(number, switch("-icount sleep", found.get("sleep", "on"))))


def _log(options: Options, text: str) -> Options:
    from pytcg.debug.log import help_text, parse_items

    if text in ("help", "?"):
        raise Answer(help_text())
    try:
        return replace(options, log=options.log | parse_items(text))
    except ValueError as error:
        raise MachineError(str(error)) from None


def _log_ranges(options: Options, text: str) -> Options:
    from pytcg.debug.log import parse_ranges

    try:
        return replace(options, log_ranges=parse_ranges(text))
    except ValueError as error:
        raise MachineError(str(error)) from None


def _stats(options: Options, text: str) -> Options:
    only("--stats", text or "text", ("text", "json"))
    return replace(options, stats=text or "text")


def _no(option: str, *accepted: str) -> Apply:
    """An option that can only be said to be off."""

    def apply(options: Options, text: str) -> Options:
        only(option, text, accepted)
        return options

    return apply


def _ignore(options: Options, text: str) -> Options:
    return options


def _version(options: Options, text: str) -> Options:
    raise Answer(f"QEMU emulator version {QEMU_VERSION} (pytcg {__version__})")


def _completion(options: Options, text: str) -> Options:
    from pytcg.cli.completion import completion

    raise Answer(completion(OPTIONS, text))


def _help(options: Options, text: str) -> Options:
    raise Answer(help_page())


def _set(field: str, value: Any) -> Apply:
    return lambda options, text: replace(options, **{field: value})


def _text(field: str, convert: Callable[[str], Any] = str) -> Apply:
    return lambda options, text: _set(field, convert(text))(options, text)


TABLE: dict[str, tuple[Option, ...]] = {
    "Machine": (
        Option(
            ("-M", "-machine"),
            "BOARD",
            "board by name, or a .dts or .dtb file (virt; help lists them); BOARD,dumpdtb=FILE writes its tree",
            _machine,
        ),
        Option(("--arch",), "ARCH", "architecture of the guest; otherwise it is found from the kernel", _text("arch")),
        Option(("-cpu",), "MODEL[,PROPERTY=on|off]", "CPU model and what it can do (help lists them)", _cpu),
        Option(("-smp",), "N", "number of CPUs (1)", _smp),
        Option(("-m",), "SIZE", "memory in MiB, or with a suffix K, M, G or T (128M)", _memory),
        Option(("-S",), "", "the CPUs wait for the monitor's cont", _set("stopped", True)),
        Option(("-rtc",), "base=utc|localtime|DATE", "the date at the start, such as 2026-01-31T12:00:00", _rtc),
        Option(("-seed",), "N", "seed of the guest's random numbers", _text("seed", partial(integer, "-seed"))),
        Option(("-no-reboot",), "", "a reset ends pytcg", _set("no_reboot", True)),
        Option(("-no-shutdown",), "", "power-off stops the CPUs, and pytcg stays", _set("no_shutdown", True)),
        Option(
            ("-action",),
            "EVENT=ACTION,...",
            "reboot=reset|shutdown, shutdown=poweroff|pause; panic and watchdog are accepted",
            _action,
        ),
    ),
    "Boot": (
        Option(
            ("-kernel",),
            "FILE",
            "kernel: Image, gzip of an Image, or ELF (a demo kernel of pytcg's own)",
            _text("kernel", Path),
        ),
        Option(("-initrd",), "FILE", "initial RAM disk", _text("initrd", Path)),
        Option(("-append",), "TEXT", "the kernel's command line", _text("append")),
        Option(("-dtb",), "FILE", "device tree for the guest, instead of the board's", _text("dtb", Path)),
        Option(("-bios",), "default|none|FILE", "firmware (an SBI firmware of pytcg's own)", _text("bios")),
    ),
    "Devices": (
        Option(
            ("-device",), "NAME[,PROP=VALUE]...", "add a device (help lists them, NAME,help its properties)", device
        ),
        Option(
            ("-device-path",),
            "FILE.py",
            "device models of your own, for the nodes of the board that they are compatible with",
            lambda options, text: replace(options, device_paths=(*options.device_paths, Path(text))),
        ),
        Option(("-global",), "NAME.PROP=VALUE", "default of a property, also of the board's virtio-mmio", default),
        Option(
            ("-drive",),
            "file=FILE[,PROP=VALUE]...",
            "raw disk image: if=virtio|none|pflash, id=, unit=, readonly=, snapshot=, cache=",
            drive,
        ),
        Option(
            ("-object",),
            "rng-random,id=ID[,filename=/dev/urandom]",
            "random numbers of the host, for virtio-rng-device,rng=ID",
            random_source,
        ),
        Option(("-pflash",), "FILE", "image of the board's next flash: -drive if=pflash", flash),
        Option(("-fw_cfg",), "NAME,file=FILE|string=TEXT", "a file for firmware to read by fw_cfg", firmware_file),
    ),
    "Network": (
        Option(
            ("-netdev",),
            "KIND,id=ID[,PROP=VALUE]...",
            "a network for a -device virtio-net-device,netdev=ID: user, stream, socket, dgram (help lists them)",
            add_netdev,
        ),
        Option(
            ("-nic",), "KIND|none[,PROP=VALUE]...", "a network and the card on it: user,hostfwd=tcp::2222-:22", add_nic
        ),
        Option(("-net",), "nic|KIND|none[,PROP=VALUE]...", "the same as two options: -net nic -net user", add_net),
    ),
    "Console": (
        Option(
            ("-nographic",), "", "no window; serial port and monitor on this terminal: the way it always is", _ignore
        ),
        Option(("-serial",), "mon:stdio|BACKEND", f"a serial port, to: {SHORT_FORMS}", add_serial),
        Option(("-monitor",), "BACKEND", "a monitor, likewise", add_monitor),
        Option(("-chardev",), "BACKEND,id=ID,...", "a chardev for -serial and -mon (help lists them)", add_chardev),
        Option(("-mon",), "chardev=ID", "a monitor on a chardev", add_mon),
        Option(("-echr",), "N", "control code of the escape key (1: Ctrl-A)", _text("escape", escape_key)),
        Option(("-display",), "none", "there is no display", _no("-display", "none")),
        Option(("-parallel",), "none", "there is no parallel port", _no("-parallel", "none", "null")),
        Option(("-vga",), "none", "there is no graphics card", _no("-vga", "none")),
        Option(("-nodefaults",), "", "no serial port or monitor that is not asked for", _set("defaults", False)),
        Option(("-no-user-config",), "", "there is no configuration file: the way it always is", _ignore),
    ),
    "Translation": (
        Option(
            ("-accel",),
            "tcg[,PROP=VALUE]...",
            "backend=tci|x86_64, cache=on|off|DIR (on disk), count=on, tb-size=MIB (256)",
            _accel,
        ),
        Option(
            ("-icount",),
            "shift=N|auto[,sleep=off]",
            "guest time goes by executed instructions of 2**N ns each (auto: 3), so that runs can be repeated",
            _icount,
        ),
        Option(("-d",), "ITEM,...", "log items (help lists them)", _log),
        Option(("-dfilter",), "RANGE,...", "log code in these ranges alone: A..B, A+SIZE, A-SIZE", _log_ranges),
        Option(("-D",), "FILE", "where the log goes (stderr); %d: the process's number", _text("log_file", Path)),
        Option(("--stats",), "[=text|json]", "print counters and times to stderr at the end", _stats),
    ),
    "Other": (
        Option(("-name",), "TEXT", "what the machine is called", _text("name")),
        Option(("-daemonize",), "", "run on without the terminal, once the machine is there", _set("daemonize", True)),
        Option(("-pidfile",), "FILE", "the number of the process, while it runs", _text("pid_file", Path)),
        Option(("-version", "-V"), "", "print the version", _version),
        Option(
            ("--completion",), "bash|zsh|fish", "print completion for a shell, to be read by its source", _completion
        ),
        Option(("-help", "-h"), "", "print this page", _help),
    ),
}
OPTIONS = tuple(option for group in TABLE.values() for option in group)
HELP_COLUMN = 36
HELP_WIDTH = 80


def help_page() -> str:
    """The text of -help."""
    from textwrap import wrap

    lines = ["usage: pytcg-system [option]...", "Runs a machine. Long options may be spelled with one dash or two."]
    for group, options in TABLE.items():
        lines += ["", f"{group}:"]
        for option in options:
            first, *more = wrap(option.help, HELP_WIDTH, break_on_hyphens=False)
            lines.append(f"  {option.spelling:<{HELP_COLUMN}} {first}")
            lines += [f"{'':<{HELP_COLUMN + 3}}{line}" for line in more]
    return "\n".join(lines)
