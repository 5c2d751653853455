/* Traps from user mode, by the trampoline, and from the kernel itself. */
#include "kernel.h"

enum { NOTHING, DEVICE, TIMER };
enum { CALL = 8, FETCH_FAULT = 12, LOAD_FAULT = 13, STORE_FAULT = 15 };
int timer_cause(u64 cause);
void timer_again(void);

u64 ticks;
struct lock tick_lock;

void trap_init(void) {
    csr_write(stvec, kernel_entry);
    u64 hart = hart_id();
    mmio32(PLIC + 4 * UART_IRQ) = 1;
    mmio32(PLIC + 4 * DISK_IRQ) = 1;
    mmio32(PLIC + 0x2080 + 0x100 * hart) = 1 << UART_IRQ | 1 << DISK_IRQ;
    mmio32(PLIC + 0x201000 + 0x2000 * hart) = 0;
}

static int interrupt(u64 cause) {
    if (timer_cause(cause)) {
        if (hart_id() == 0) {
            acquire(&tick_lock);
            ticks++;
            wake(&ticks);
            release(&tick_lock);
        }
        timer_again();
        return TIMER;
    }
    if (cause != (1ul << 63 | 9))
        return NOTHING;
    volatile u32 *claim = (volatile u32 *)(PLIC + 0x201004 + 0x2000 * hart_id());
    u32 source = *claim;
    if (source == UART_IRQ)
        console_interrupt();
    else if (source == DISK_IRQ)
        disk_interrupt();
    else if (source)
        print("an interrupt of source %d\n", (u64)source);
    if (source)
        *claim = source;
    return DEVICE;
}

static void user_trap(void) {
    struct process *process = current();
    u64 cause = csr_read(scause);
    int from = NOTHING;
    if (csr_read(sstatus) & SPP)
        panic("a user trap out of the kernel");
    csr_write(stvec, kernel_entry);
    process->frame->pc = csr_read(sepc);
    if (cause == CALL) {
        if (killed(process))
            leave(-1);
        process->frame->pc += 4;
        csr_set(sstatus, SIE);
        system_call();
    } else if ((cause == LOAD_FAULT || cause == STORE_FAULT) &&
               space_demand(process->table, csr_read(stval), process->size) == 0) {
        ;
    } else if (!(from = interrupt(cause))) {
        acquire(&process->lock);
        process->killed = 1;
        release(&process->lock);
    }
    if (killed(process))
        leave(from || cause == CALL ? -1 : -(int)cause);
    if (from == TIMER)
        yield();
    trap_return();
}

void trap_return(void) {
    struct process *process = current();
    csr_clear(sstatus, SIE);
    csr_write(stvec, TRAMPOLINE + (user_entry - trampoline));
    process->frame->kernel_satp = csr_read(satp);
    process->frame->kernel_sp = kernel_stack(process);
    process->frame->handler = (u64)user_trap;
    process->frame->hart = hart_id();
    csr_write(sstatus, (csr_read(sstatus) & ~SPP) | SPIE);
    csr_write(sepc, process->frame->pc);
    ((void (*)(u64))(TRAMPOLINE + (user_return - trampoline)))(satp_of(process->table));
}

void kernel_trap(void) {
    u64 pc = csr_read(sepc), status = csr_read(sstatus), cause = csr_read(scause);
    if (!(status & SPP) || status & SIE)
        panic("a kernel trap that cannot be");
    int from = interrupt(cause);
    if (!from) {
        print("cause %x, pc %x, value %x\n", cause, pc, csr_read(stval));
        panic("a trap of the kernel");
    }
    if (from == TIMER && current() && current()->state == RUNNING)
        yield();
    csr_write(sepc, pc);
    csr_write(sstatus, status);
}
