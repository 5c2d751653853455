"""What pytcg-system does: arguments in, a machine run, an exit status out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pytcg.cli.parse import Answer, parse
from pytcg.cli.table import OPTIONS
from pytcg.machine.errors import MachineError
from pytcg.machine.options import Options

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
    try:
        machine = Machine(options)
    except TreeError as error:
        raise MachineError(f"-M {options.board}: {error}") from None
    status = machine.run()
    if options.stats:
        print(machine.report(), file=sys.stderr)
    if machine.hung:
        # the interpreter's exit would free memory under a vCPU that did not end
        sys.stderr.flush()
        os._exit(status)
    return status
