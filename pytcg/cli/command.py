"""What pytcg-system does: arguments in, a machine run, an exit status out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytcg.cli.parse import Answer, parse
from pytcg.cli.table import OPTIONS
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Options

if TYPE_CHECKING:
    from pytcg.cli.daemon import Daemon

PROGRAM = "pytcg-system"


def run(arguments: Sequence[str]) -> int:
    """Run a command line; the exit status. Every failure is one line on stderr and status 1."""
    try:
        return _machine(parse(OPTIONS, arguments))
    except Answer as answer:
        return _answer(str(answer))
    except MachineError as error:
        return _fail(str(error), error)
    except MemoryError as error:
        return _fail("the host has not enough memory", error)
    except Exception as error:
        return _fail(f"internal error: {type(error).__name__}: {error}", error)


def _answer(text: str) -> int:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # whoever read has read enough; nothing must be left for the interpreter to flush at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _fail(text: str, error: Exception) -> int:
    print(f"{PROGRAM}: {' '.join(text.split())}", file=sys.stderr)
    if sys.flags.dev_mode:
        raise error
    return 1


def _machine(options: Options) -> int:
    # a tenth of a second of imports, which -version and mistakes in options need not pay for
    import logging

    from pytcg.machine.machine import Machine
    from pytcg.machine.tree import TreeError

    logging.basicConfig(format=f"{PROGRAM}: %(message)s", level=logging.WARNING)
    daemon = _daemon() if options.daemonize else None
    try:
        machine = Machine(options)
    except TreeError as error:
        raise MachineError(f"-M {options.board}: {error}") from None
    if options.dump_tree:
        return _dump(machine.guest_tree, options.dump_tree)
    with _pid_file(options.pid_file):
        if daemon:
            daemon.ready()
        status = machine.run()
    if options.stats:
        print(machine.report(), file=sys.stderr)
    if machine.hung:
        # the interpreter's exit would free memory under a vCPU that did not end
        sys.stderr.flush()
        os._exit(status)
    return status


def _daemon() -> Daemon:
    from pytcg.cli.daemon import Daemon

    return Daemon()


@contextmanager
def _pid_file(path: Path | None) -> Iterator[None]:
    """The file of -pidfile, for as long as the machine runs."""
    if path is None:
        yield
        return
    from pytcg.cli.daemon import remove_pid, write_pid

    write_pid(path)
    try:
        yield
    finally:
        remove_pid(path)


def _dump(blob: bytes, path: Path) -> int:
    try:
        path.write_bytes(blob)
    except OSError as error:
        raise MachineError(f"cannot write the device tree to {path}: {error.strerror}") from None
    return 0
