/* Traps to S-mode. */
#pragma once
#include "../common/csr.h"

/* The registers of what was interrupted, x[0] its pc; layout.h has its size. */
struct frame {
    u64 x[32];
};

#define SSTATUS_SIE 2

static inline void trap_enable_interrupts(void)
{
    csr_set(sstatus, SSTATUS_SIE);
}

static inline void trap_disable_interrupts(void)
{
    csr_clear(sstatus, SSTATUS_SIE);
}

/* Timer and external interrupts on. */
void trap_init(void);

/* Until it is called with false: an exception is reported and the instruction skipped, not the command ended. */
void trap_expect(bool expected);

void trap_handle(struct frame *frame);
