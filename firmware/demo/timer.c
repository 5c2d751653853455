#include "timer.h"

#include "../common/csr.h"
#include "machine.h"
#include "sbi_call.h"

enum { TICKS_A_SECOND = 10 };

static u64 start;
static volatile u64 ticks;

u64 timer_now(void)
{
    return csr_read(time);
}

u64 timer_ms(u64 from, u64 to)
{
    return (to - from) * 1000 / machine.time_hz;
}

static void set(u64 when)
{
    if (machine.has_sstc)
        csr_write(0x14d, when); /* stimecmp */
    else
        sbi_call(SBI_TIME, 0, when, 0, 0);
}

void timer_init(void)
{
    start = timer_now();
    set(start + machine.time_hz / TICKS_A_SECOND);
}

void timer_interrupt(void)
{
    ticks++;
    set(timer_now() + machine.time_hz / TICKS_A_SECOND);
}

u64 timer_uptime_ms(void)
{
    return timer_ms(start, timer_now());
}

u64 timer_ticks(void)
{
    return ticks;
}
