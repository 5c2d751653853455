/* Machine mode: all to the supervisor, timer interrupts by stimecmp or by the CLINT. */
#include "kernel.h"

enum { INTERVAL = 50000 };
static volatile int started;

#ifdef TIMER_BY_CLINT
extern char machine_timer[];
static u64 timer_words[HARTS][5];

static void timer_init(u64 hart) {
    u64 deadline = CLINT + 0x4000 + 8 * hart;
    mmio64(deadline) = mmio64(CLINT + 0xbff8) + INTERVAL;
    timer_words[hart][3] = deadline;
    timer_words[hart][4] = INTERVAL;
    csr_write(mscratch, timer_words[hart]);
    csr_write(mtvec, machine_timer);
    csr_set(mie, 1 << 7);
}

int timer_cause(u64 cause) {
    return cause == (1ul << 63 | 1);
}

void timer_again(void) {
    csr_clear(sip, 2);
}
#else
static void timer_init(u64 hart) {
    (void)hart;
    csr_set(mie, 1 << 5);
    csr_set(0x30a, 1ul << 63);
    csr_set(mcounteren, 2);
    csr_write(0x14d, csr_read(time) + INTERVAL);
}

int timer_cause(u64 cause) {
    return cause == (1ul << 63 | 5);
}

void timer_again(void) {
    csr_write(0x14d, csr_read(time) + INTERVAL);
}
#endif

static void supervisor_start(void) {
    if (hart_id() == 0) {
        pages_init();
        space_init();
        space_enter();
        process_init();
        trap_init();
        console_init();
        disk_init();
        print("kernel: %d pages\n", pages_free() / 1000 * 1000);
        process_first();
        fence();
        started = 1;
    } else {
        while (!started)
            ;
        fence();
        space_enter();
        trap_init();
    }
    schedule();
}

void machine_start(u64 hart) {
    csr_write(mstatus, (csr_read(mstatus) & ~(3ul << 11)) | 1ul << 11);
    csr_write(mepc, supervisor_start);
    csr_write(satp, 0);
    csr_write(medeleg, 0xffff);
    csr_write(mideleg, 0xffff);
    csr_set(sie, 1 << 9 | 1 << 5 | 1 << 1);
    csr_write(pmpaddr0, 0x3ffffffffffffful);
    csr_write(pmpcfg0, 0xf);
    timer_init(hart);
    asm volatile("mv tp, %0" ::"r"(csr_read(mhartid)));
    asm volatile("mret");
}
