"""What the vCPUs of a machine are made from, whatever runs their code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from pytcg.debug.log import BlockLog, Log
from pytcg.exec.events.eventloop import EventLoop
from pytcg.exec.events.virtualtime import VirtualTime
from pytcg.exec.stats import Stats
from pytcg.frontend.guest import Guest, HelperFunction
from pytcg.softmmu.regions import AddressSpace, Ram


@dataclass(frozen=True)
class Parts:
    """A guest architecture with all its helpers, the machine around the vCPUs, and what is to be recorded."""

    guest: Guest
    helpers: Sequence[HelperFunction]
    memory: AddressSpace
    #: main RAM, part of `memory`
    ram: Ram
    loop: EventLoop | VirtualTime
    #: held while devices are called
    lock: RLock
    #: number of vCPUs
    count: int
    timebase_hz: int
    stats: Stats
    #: count the instructions that are executed
    counted: bool = False
    #: guest time goes by them: the same as `loop`
    virtual: VirtualTime | None = None
    #: where translations are kept between runs, if they are
    cache_directory: Path | None = None
    block_log: BlockLog | None = None
    trap_log: Log | None = None
    #: every block is translated by Python, as the guest's extras want it
    traced: bool = False
