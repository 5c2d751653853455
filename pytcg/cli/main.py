"""The entry point of pytcg-system."""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# The built-in module: importing `signal` itself takes long enough for a Ctrl-C to come in between.
_signal = __import__("_signal")
#: objects that are made before the first collection
GC_THRESHOLD = 100_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (that of the process, where none is given); the exit status. Main thread only."""
    # until the machine runs, Ctrl-C ends the process at once and without a traceback, imports included
    previous = _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    # next to all that is made before the machine runs stays: collections would take a tenth of the start
    thresholds = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD)
    try:
        from pytcg.cli.command import run

        return run(sys.argv[1:] if arguments is None else arguments)
    finally:
        gc.set_threshold(*thresholds)
        _signal.signal(_signal.SIGINT, previous)
