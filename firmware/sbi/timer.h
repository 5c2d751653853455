/* The supervisor's timer: stimecmp where the CPU has Sstc, otherwise the CLINT's, passed on as STIP. */
#pragma once
#include "../common/types.h"

u64 timer_now(void);
void timer_set(u64 when);

/* The machine timer interrupt; and the same by hand, while interrupts are off. */
void timer_expired(void);
void timer_poll(void);
