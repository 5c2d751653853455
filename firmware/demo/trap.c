#include "trap.h"

#include "../common/print.h"
#include "layout.h"
#include "plic.h"
#include "power.h"
#include "timer.h"

_Static_assert(sizeof(struct frame) == FRAME_SIZE, "head.S and trap.h agree");

enum { TIMER_INTERRUPT = 5, EXTERNAL_INTERRUPT = 9, FETCH_ACCESS = 1, FETCH_PAGE = 12, RA = 1, MOST_FAULTS = 16 };

#define SIE_TIMER (1u << TIMER_INTERRUPT)
#define SIE_EXTERNAL (1u << EXTERNAL_INTERRUPT)
#define SSTATUS_SPIE (1u << 5)

static const char *const causes[] = {
    "misaligned fetch", "fetch access fault", "illegal instruction", "breakpoint",
    "misaligned load", "load access fault", "misaligned store", "store access fault",
    "ecall from U-mode", "ecall from S-mode", "?", "?",
    "fetch page fault", "load page fault", "?", "store page fault",
};

static const char names[32][4] = {
    "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

static bool expected;

void shell_restart(void);

void trap_init(void)
{
    csr_write(sie, SIE_TIMER | SIE_EXTERNAL);
    trap_enable_interrupts();
}

void trap_expect(bool now)
{
    expected = now;
}

static void report(const struct frame *frame, u64 cause)
{
    print("trap: %s (scause %lu), stval 0x%lx\n", cause < sizeof causes / sizeof *causes ? causes[cause] : "?", cause,
          csr_read(stval));
    for (unsigned i = 0; i < 32; i++)
        print("%4s %016lx%s", names[i], frame->x[i], i % 4 == 3 ? "\n" : "");
}

static void exception(struct frame *frame, u64 cause)
{
    static unsigned faults;

    report(frame, cause);
    if (!expected) {
        if (++faults > MOST_FAULTS)
            power_off(true);
        print("the command is ended\n");
        frame->x[0] = (u64)shell_restart;
        csr_set(sstatus, SSTATUS_SPIE);
    } else if (cause == FETCH_ACCESS || cause == FETCH_PAGE) {
        frame->x[0] = frame->x[RA];
    } else {
        u16 first = *(const u16 *)frame->x[0];

        frame->x[0] += (first & 3) == 3 ? 4 : 2;
    }
}

void trap_handle(struct frame *frame)
{
    u64 cause = csr_read(scause);

    if (cause == (INTERRUPT | TIMER_INTERRUPT))
        timer_interrupt();
    else if (cause == (INTERRUPT | EXTERNAL_INTERRUPT))
        plic_interrupt();
    else if (cause & INTERRUPT)
        print("trap: unexpected interrupt %lu\n", cause & ~INTERRUPT);
    else
        exception(frame, cause);
}
