/* Traps to M-mode: software and timer interrupts, SBI calls, and exceptions that are passed on to S-mode. */
#include "../common/csr.h"
#include "../common/print.h"
#include "cpu.h"
#include "ecall.h"
#include "ipi.h"
#include "timer.h"

enum { CAUSE_ILLEGAL_INSTRUCTION = 2, CAUSE_SUPERVISOR_ECALL = 9 };
enum { SOFTWARE_INTERRUPT = 3, TIMER_INTERRUPT = 7 };

/* csrrs rd, time, x0: reads of the time CSR, which a CPU without Zicntr leaves to the firmware. */
static bool emulate_rdtime(struct frame *frame)
{
    u64 word = csr_read(mtval), rd = word >> 7 & 31;

    if ((word & 0xfffff07f) != 0xc0102073)
        return false;
    if (rd)
        frame->x[rd] = timer_now();
    csr_write(mepc, csr_read(mepc) + 4);
    return true;
}

/* Makes the trap one that S-mode has taken itself. */
static void redirect(u64 cause)
{
    u64 status = csr_read(mstatus);
    u64 from_supervisor = status >> MSTATUS_MPP_SHIFT & 1;
    u64 were_enabled = status & SSTATUS_SIE;

    csr_write(scause, cause);
    csr_write(sepc, csr_read(mepc));
    csr_write(stval, csr_read(mtval));
    csr_clear(mstatus, MSTATUS_MPP | SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);
    csr_set(mstatus, 1u << MSTATUS_MPP_SHIFT | (from_supervisor ? SSTATUS_SPP : 0) | (were_enabled ? SSTATUS_SPIE : 0));
    csr_write(mepc, csr_read(stvec) & ~3ull);
}

void trap_handle(struct frame *frame)
{
    u64 cause = csr_read(mcause);

    switch (cause) {
    case INTERRUPT | SOFTWARE_INTERRUPT:
        ipi_receive();
        break;
    case INTERRUPT | TIMER_INTERRUPT:
        timer_expired();
        break;
    case CAUSE_SUPERVISOR_ECALL:
        csr_write(mepc, csr_read(mepc) + 4);
        ecall(frame);
        break;
    case CAUSE_ILLEGAL_INSTRUCTION:
        if (!emulate_rdtime(frame))
            redirect(cause);
        break;
    default:
        redirect(cause);
    }
}

_Noreturn void trap_panic(void)
{
    print("\npytcg SBI: a trap in the firmware itself: mcause %lx, mepc %lx, mtval %lx\n", csr_read(mcause),
          csr_read(mepc), csr_read(mtval));
    csr_write(mie, 0);
    for (;;)
        wait_for_interrupt();
}
