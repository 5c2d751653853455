/* Spin locks, taken with interrupts off. */
#include "kernel.h"

static struct hart harts[HARTS];

int hart_id(void) {
    u64 id;
    asm volatile("mv %0, tp" : "=r"(id));
    return (int)id;
}

struct hart *this_hart(void) {
    return &harts[hart_id()];
}

void interrupts_off(void) {
    u64 before;
    asm volatile("csrrci %0, sstatus, 2" : "=r"(before)::"memory");
    struct hart *hart = this_hart();
    if (hart->depth++ == 0)
        hart->enabled = (before & SIE) != 0;
}

void interrupts_back(void) {
    struct hart *hart = this_hart();
    if (csr_read(sstatus) & SIE || hart->depth < 1)
        panic("interrupts are on under a lock");
    if (--hart->depth == 0 && hart->enabled)
        csr_set(sstatus, SIE);
}

int holding(struct lock *lock) {
    return __atomic_load_n(&lock->taken, __ATOMIC_RELAXED) && lock->hart == hart_id();
}

void acquire(struct lock *lock) {
    interrupts_off();
    if (holding(lock))
        panic("a lock is taken twice");
    while (__sync_lock_test_and_set(&lock->taken, 1))
        ;
    fence();
    lock->hart = hart_id();
}

void release(struct lock *lock) {
    if (!holding(lock))
        panic("a lock is given back that is not held");
    lock->hart = -1;
    fence();
    __sync_lock_release(&lock->taken);
    interrupts_back();
}
