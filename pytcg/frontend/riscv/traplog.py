"""The log of traps (`-d int`): compiled routines note them in a ring, Python prints them when it is there next."""

from __future__ import annotations

from pytcg.frontend.riscv.bits import INTERRUPT
from pytcg.frontend.riscv.state import LAYOUT, TRAP_LOG_SIZE, TRAP_WORDS, RiscvEnv
from pytcg.native import native
from pytcg.native.atomic import set_bits
from pytcg.tcg.state import IRQ_LOOP

IRQ = LAYOUT.offset["irq"]
EXCEPTIONS = {
    0: "instruction address misaligned",
    1: "instruction access fault",
    2: "illegal instruction",
    3: "breakpoint",
    4: "load address misaligned",
    5: "load access fault",
    6: "store address misaligned",
    7: "store access fault",
    8: "ecall from U",
    9: "ecall from S",
    11: "ecall from M",
    12: "instruction page fault",
    13: "load page fault",
    15: "store page fault",
}
#: exceptions that a log item of their own is for, besides "int"
KINDS = {8: "strace", **dict.fromkeys((1, 5, 7, 12, 13, 15), "mmu")}
INTERRUPTS = {1: "S software", 3: "M software", 5: "S timer", 7: "M timer", 9: "S external", 11: "M external"}


@native
def note_trap(env: RiscvEnv, cause: int, tval: int) -> None:
    """Note a trap that is about to be taken, if they are logged; when the ring fills, the CPU loop is asked to look."""
    if env.trap_logging:
        at = (env.trap_count & TRAP_LOG_SIZE - 1) * TRAP_WORDS
        env.trap_log[at] = cause
        env.trap_log[at + 1] = env.insn_pc
        env.trap_log[at + 2] = tval
        env.trap_log[at + 3] = env.priv
        env.trap_count += 1
        if env.trap_count - env.trap_printed >= TRAP_LOG_SIZE >> 1:
            set_bits(env.self + IRQ, IRQ_LOOP)


def take_traps(env: RiscvEnv) -> list[tuple[str, str]]:
    """For each trap since the last call, the log item that is for its kind, and a line."""
    lines = []
    while env.trap_printed < env.trap_count:
        at = env.trap_printed % TRAP_LOG_SIZE * TRAP_WORDS
        cause, epc, tval, priv = env.trap_log[at : at + TRAP_WORDS]
        asynchronous = cause >> 63
        number = cause & ~INTERRUPT
        text = (INTERRUPTS if asynchronous else EXCEPTIONS).get(number, "")
        item = "int" if asynchronous else KINDS.get(number, "int")
        line = (
            f"trap: hart:{env.mhartid}, async:{asynchronous}, cause:{number}, epc:{epc:#x}, tval:{tval:#x}, "
            f"from:{'US?M'[priv]}, desc={text}"
        )
        lines.append((item, line))
        env.trap_printed += 1
    return lines
