#include "hart.h"

#include "cpu.h"
#include "ipi.h"
#include "timer.h"

struct hart harts[MAX_HARTS];

_Noreturn void enter(u64 hart, u64 argument);

_Noreturn void hart_enter(u64 address, u64 argument, unsigned mode)
{
    csr_clear(mstatus, MSTATUS_MPP | MSTATUS_MPIE);
    csr_set(mstatus, (u64)mode << MSTATUS_MPP_SHIFT);
    csr_write(mepc, address);
    if (mode == MODE_M) {
        csr_write(mie, 0);
    } else {
        csr_write(mie, MIP_MSIP);
        csr_write(stvec, address);
        csr_write(sscratch, 0);
        csr_write(satp, 0);
        csr_clear(sstatus, SSTATUS_SIE);
        asm volatile("sfence.vma" ::: "memory"); /* a stopped hart gets no fences */
    }
    enter(this_hart(), argument);
}

_Noreturn void hart_wait(void)
{
    struct hart *self = &harts[this_hart()];

    csr_write(mie, MIP_MSIP);
    while (hart_state(this_hart()) != HART_START_PENDING) {
        wait_for_interrupt();
        ipi_receive();
    }
    u64 start = self->start, argument = self->argument;

    __atomic_store_n(&self->state, HART_STARTED, __ATOMIC_RELEASE);
    hart_enter(start, argument, MODE_S);
}

_Noreturn void hart_stop(void)
{
    __atomic_store_n(&harts[this_hart()].state, HART_STOPPED, __ATOMIC_RELEASE);
    hart_wait();
}

int hart_start(u64 hart, u64 address, u64 argument)
{
    static u32 lock;

    if (hart >= MAX_HARTS || !harts[hart].present)
        return SBI_INVALID_PARAMETER;
    if (cpu_is_protected(address, 4))
        return SBI_INVALID_ADDRESS;
    ipi_lock(&lock);
    bool stopped = hart_state((unsigned)hart) == HART_STOPPED;

    if (stopped) {
        harts[hart].start = address;
        harts[hart].argument = argument;
        __atomic_store_n(&harts[hart].state, HART_START_PENDING, __ATOMIC_RELEASE);
    }
    ipi_unlock(&lock);
    if (!stopped)
        return SBI_ALREADY_AVAILABLE;
    ipi_send((unsigned)hart, MAIL_NONE);
    return SBI_SUCCESS;
}

void hart_suspend(void)
{
    struct hart *self = &harts[this_hart()];

    __atomic_store_n(&self->state, HART_SUSPENDED, __ATOMIC_RELEASE);
    do {
        wait_for_interrupt();
        ipi_receive();
        timer_poll();
    } while (!(csr_read(sip) & csr_read(sie)));
    __atomic_store_n(&self->state, HART_STARTED, __ATOMIC_RELEASE);
}
