"""What is logged of translations, and of blocks as they begin (`-d`)."""

from __future__ import annotations

from typing import Any

from pytcg.debug.log import BlockLog, Log
from pytcg.frontend.guest import Guest, HelperFunction
from pytcg.tcg.helpers import Action


def block_log_for(log: Log, guest: Guest) -> BlockLog:
    """The log of translations for a guest on this host."""
    # capstone takes a while to import
    from pytcg.debug.disassemble import disassembler
    from pytcg.tcg.text import format_ops

    return BlockLog(
        log,
        disassembler(guest.name),
        disassembler("x86_64"),
        lambda ops: format_ops(ops, guest.register_names),
    )


def make_trace(log: Log, guest: Guest) -> HelperFunction:
    """Helper.TRACE for a log: a line, or the registers, of each block that begins."""
    lines, registers = "exec" in log.items, "cpu" in log.items

    def helper_trace(env: Any) -> int:
        pc = env.pc = env.insn_pc
        if log.wants(pc):
            if lines:
                log.write(f"Trace {env.cpu.index}: {pc:016x}/{env.flags:#x} {log.symbols.name(pc)}".rstrip())
            if registers:
                log.write(guest.describe(env))
        return Action.CONTINUE

    return helper_trace
