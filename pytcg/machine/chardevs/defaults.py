"""Where serial ports and monitors lead if the options do not say: both to the terminal, shared by Ctrl-A c."""

from __future__ import annotations

from dataclasses import replace

from pytcg.machine.chardevs.backends import CharacterDevice, Stdio
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Options

SERIAL = "serial0"
#: what `-serial mon:stdio` makes: Ctrl-C is the guest's
SHARED_TERMINAL = CharacterDevice(SERIAL, Stdio(signal=False), mux=True)


def with_defaults(options: Options) -> Options:
    """The options with every serial port and monitor said. No port gets the terminal that a chardev has already.

    Raises MachineError for a terminal that a daemon would not have.
    """
    serials, monitors = options.serials, options.monitors
    if options.daemonize:
        if any(isinstance(device.backend, Stdio) for device in options.chardevs):
            raise MachineError("-daemonize: a process without a terminal has no stdio for a chardev")
        return replace(options, serials=serials or (), monitors=monitors or ())
    free = not any(isinstance(device.backend, Stdio) or device.id == SERIAL for device in options.chardevs)
    if serials is not None or not options.defaults or not free:
        return replace(options, serials=serials or (), monitors=monitors or ())
    return replace(
        options,
        chardevs=(*options.chardevs, SHARED_TERMINAL),
        serials=(SERIAL,),
        monitors=(SERIAL,) if monitors is None else monitors,
    )
