"""CSRs that are more than a field of the CPU state: their reads and writes, by name."""

from __future__ import annotations

from collections.abc import Callable

from pytcg.frontend.riscv.bits import COUNTER_CY, COUNTER_IR, FLAG_COUNT, MENVCFG_STCE, MIP_STIP, MSTATUS, SSTATUS
from pytcg.frontend.riscv.csr_interrupts import write_mie, write_mip, write_sie, write_sip, write_stimecmp
from pytcg.frontend.riscv.csr_native import environment, write_senvcfg
from pytcg.frontend.riscv.csr_table import CSRS
from pytcg.frontend.riscv.fences import write_satp
from pytcg.frontend.riscv.fpstate import read_fflags, write_fflags, write_frm
from pytcg.frontend.riscv.interrupts import update_pending
from pytcg.frontend.riscv.pmp import write_address, write_config
from pytcg.frontend.riscv.state import RiscvEnv
from pytcg.frontend.riscv.status import write_status
from pytcg.frontend.riscv.timer import arm
from pytcg.native.intrinsics import clock
from pytcg.native.time import guest_time
from pytcg.tcg.types import MASK64

Read = Callable[[RiscvEnv], int]
Write = Callable[[RiscvEnv, int], None]


# mcycle and minstret. Instructions are counted if the flags ask for it; otherwise the host's counter stands for both.


def _ticks(env: RiscvEnv) -> int:
    return int(env.executed if env.flags & FLAG_COUNT else clock())


def _running(env: RiscvEnv, bit: int) -> int:
    return 0 if env.mcountinhibit & bit else _ticks(env)


def _read_cycle(env: RiscvEnv) -> int:
    return int(env.mcycle) + _running(env, COUNTER_CY) & MASK64


def _read_instret(env: RiscvEnv) -> int:
    return int(env.minstret) + _running(env, COUNTER_IR) & MASK64


def _write_cycle(env: RiscvEnv, value: int) -> None:
    env.mcycle = value - _running(env, COUNTER_CY)


def _write_instret(env: RiscvEnv, value: int) -> None:
    env.minstret = value - _running(env, COUNTER_IR)


def _write_mcounteren(env: RiscvEnv, value: int) -> None:
    env.mcounteren = value & env.counter_mask


def _write_scounteren(env: RiscvEnv, value: int) -> None:
    env.scounteren = value & env.counter_mask


def _write_inhibit(env: RiscvEnv, value: int) -> None:
    cycle, instret = _read_cycle(env), _read_instret(env)
    env.mcountinhibit = value & (COUNTER_CY | COUNTER_IR)
    _write_cycle(env, cycle)
    _write_instret(env, instret)


# Environment configuration.


def _write_menvcfg(env: RiscvEnv, value: int) -> None:
    old = env.menvcfg
    env.menvcfg = environment(value, env.menvcfg_mask)
    if (old ^ env.menvcfg) & MENVCFG_STCE:
        # STIP belongs to the comparator from now on, or to software again.
        env.mip_soft &= ~MIP_STIP
        arm(env)
        update_pending(env)


def _write_fcsr(env: RiscvEnv, value: int) -> None:
    write_fflags(env, value)
    write_frm(env, value >> 5)


def _indexed(function: Callable[[RiscvEnv, int, int], None], index: int) -> Write:
    return lambda env, value: function(env, index, value)


#: what reads as something else than its field
READ: dict[str, Read] = {
    "fflags": read_fflags,
    "fcsr": lambda env: int(env.frm) << 5 | read_fflags(env),
    "cycle": _read_cycle,
    "mcycle": _read_cycle,
    "instret": _read_instret,
    "minstret": _read_instret,
    "time": guest_time,
    "sie": lambda env: int(env.mie & env.mideleg),
    "sip": lambda env: int(env.mip & env.mideleg),
}

#: what takes more to write than storing it
WRITE: dict[str, Write] = {
    "fflags": write_fflags,
    "frm": write_frm,
    "fcsr": _write_fcsr,
    "mcycle": _write_cycle,
    "minstret": _write_instret,
    "mcounteren": _write_mcounteren,
    "scounteren": _write_scounteren,
    "mcountinhibit": _write_inhibit,
    "sstatus": lambda env, value: write_status(env, value, SSTATUS),
    "mstatus": lambda env, value: write_status(env, value, MSTATUS),
    "mie": write_mie,
    "sie": write_sie,
    "mip": write_mip,
    "sip": write_sip,
    "stimecmp": write_stimecmp,
    "senvcfg": write_senvcfg,
    "menvcfg": _write_menvcfg,
    "satp": write_satp,
    **{row.name: _indexed(write_config, row.index) for row in CSRS.values() if row.field == "pmpcfg"},
    **{row.name: _indexed(write_address, row.index) for row in CSRS.values() if row.field == "pmpaddr"},
}
