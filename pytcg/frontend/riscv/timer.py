"""The timer of the supervisor (Privileged ISA manual, chapter 17, Sstc): guest time against stimecmp.

STIP is worked out whenever the vCPU looks at its lines. The alarm only asks it to look: it rings
at env.alarm_at, so a deadline that moves away from there needs nothing until then.
"""

from __future__ import annotations

from pytcg.frontend.riscv.bits import MENVCFG_STCE, MIP_STIP
from pytcg.frontend.riscv.state import LAYOUT, RiscvEnv
from pytcg.native import native
from pytcg.native.atomic import set_bits
from pytcg.native.intrinsics import kernel_call, mulhu
from pytcg.native.kernel import TIMER_SETTIME
from pytcg.native.time import guest_time
from pytcg.tcg.state import IRQ_LOOP

IRQ, ALARM_TIME = LAYOUT.offset["irq"], LAYOUT.offset["alarm_time"]
NANOSECONDS = 1_000_000_000


@native
def timer_line(env: RiscvEnv) -> int:
    """STIP as the comparator drives it; 0 where software does."""
    if env.menvcfg & MENVCFG_STCE and guest_time(env) >= env.stimecmp:
        return MIP_STIP
    return 0


@native
def arm(env: RiscvEnv) -> None:
    """See to it that the vCPU is asked to look when stimecmp is reached. It must look at its lines after this."""
    deadline = env.stimecmp
    if env.menvcfg & MENVCFG_STCE and deadline < env.alarm_at:
        now = guest_time(env)
        if now < deadline:
            env.alarm_at = deadline
            if env.alarm:
                fraction = (deadline - now + 1) * env.alarm_mult
                env.alarm_time[2] = mulhu(deadline - now + 1, env.alarm_mult)
                # Zero would disarm the timer.
                env.alarm_time[3] = mulhu(fraction, NANOSECONDS) | 1
                kernel_call(TIMER_SETTIME, env.alarm - 1, 0, env.self + ALARM_TIME)
            else:
                set_bits(env.self + IRQ, IRQ_LOOP)
