"""The entry point of pytcg-system."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (that of the process, where none is given); the exit status. Main thread only."""
    # until the machine runs, Ctrl-C ends the process at once and without a traceback, imports included
    previous = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from pytcg.cli.command import run

        return run(sys.argv[1:] if arguments is None else arguments)
    finally:
        signal.signal(signal.SIGINT, previous)
