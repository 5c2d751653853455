/* The harts: their states (HSM extension) and their ways into and out of S-mode. */
#pragma once
#include "../common/csr.h"
#include "../common/sbi.h"
#include "layout.h"

enum { MODE_S = 1, MODE_M = 3 };

struct hart {
    bool present; /* the device tree names it */
    u32 state; /* enum sbi_hart_state */
    u32 mailbox; /* enum mail, set by other harts */
    u64 start, argument; /* of a start that is pending */
};

extern struct hart harts[MAX_HARTS];

static inline unsigned this_hart(void)
{
    return (unsigned)csr_read(mhartid);
}

static inline u32 hart_state(unsigned hart)
{
    return __atomic_load_n(&harts[hart].state, __ATOMIC_ACQUIRE);
}

/* Leaves for `address` with a0 = hart id, a1 = argument, address translation and interrupts off. */
_Noreturn void hart_enter(u64 address, u64 argument, unsigned mode);

/* Sleeps as a stopped hart until it is started, and enters S-mode. */
_Noreturn void hart_wait(void);

_Noreturn void hart_stop(void);
int hart_start(u64 hart, u64 address, u64 argument);

/* Sleeps until an interrupt for S-mode is pending and enabled there. */
void hart_suspend(void);
