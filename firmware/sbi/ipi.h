/* Interrupts between harts, and fences that other harts are to do. */
#pragma once
#include "../common/types.h"

/* What a hart finds in its mailbox when it gets a software interrupt. */
enum mail {
    MAIL_NONE = 0, /* only wakes it */
    MAIL_SOFTWARE_INTERRUPT = 1,
    MAIL_FENCE = 2,
};

struct hart_set {
    u64 mask, base; /* as SBI passes it; base -1: all harts */
};

void ipi_send(unsigned hart, enum mail mail);

/* Takes this hart's pending software interrupt and does what its mailbox asks. */
void ipi_receive(void);

/* Both answer an SBI error code; a fence is done on all harts of the set on return. */
int ipi_send_all(struct hart_set set, enum mail mail);
int ipi_fence(struct hart_set set, u64 function, u64 start, u64 size, u64 asid);

/* A lock whose waiters go on answering fences. */
void ipi_lock(u32 *lock);
void ipi_unlock(u32 *lock);
