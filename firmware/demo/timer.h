/* Time, and a tick ten times a second. */
#pragma once
#include "../common/types.h"

u64 timer_now(void); /* the time CSR */
u64 timer_ms(u64 from, u64 to);
void timer_init(void);
void timer_interrupt(void);
u64 timer_uptime_ms(void);
u64 timer_ticks(void);
