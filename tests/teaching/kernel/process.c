/* Processes, and who runs where. */
#include "kernel.h"

static struct process processes[PROCESSES];
static struct process *init;
static struct lock pid_lock, wait_lock;
static int last_pid;

u64 kernel_stack(struct process *process) {
    return KERNEL_STACK(process - processes) + PAGE;
}

struct process *current(void) {
    interrupts_off();
    struct process *process = this_hart()->process;
    interrupts_back();
    return process;
}

void process_init(void) {
    for (int i = 0; i < PROCESSES; i++)
        processes[i].state = UNUSED;
}

/* With its lock held. */
static void clear(struct process *process) {
    if (process->table)
        space_free(process->table, process->size);
    if (process->frame)
        page_free(process->frame);
    memset(&process->lock + 1, 0, sizeof *process - sizeof process->lock);
}

static void first_return(void) {
    static int first = 1;
    release(&current()->lock);
    if (first) {
        first = 0;
        journal_recover();
        if (exec("init") < 0)
            panic("no init");
    }
    trap_return();
}

/* With its lock held; 0 where there is no room. */
static struct process *make(void) {
    struct process *process = processes;
    for (;; process++) {
        if (process == processes + PROCESSES)
            return 0;
        acquire(&process->lock);
        if (process->state == UNUSED)
            break;
        release(&process->lock);
    }
    acquire(&pid_lock);
    process->pid = ++last_pid;
    release(&pid_lock);
    process->state = EMBRYO;
    process->frame = page_new();
    if (process->frame)
        process->table = space_new(process->frame);
    if (!process->table) {
        clear(process);
        release(&process->lock);
        return 0;
    }
    process->context.ra = (u64)first_return;
    process->context.sp = kernel_stack(process);
    return process;
}

void process_first(void) {
    init = make();
    init->state = RUNNABLE;
    release(&init->lock);
}

void schedule(void) {
    struct hart *hart = this_hart();
    for (;;) {
        int found = 0;
        csr_set(sstatus, SIE);
        csr_clear(sstatus, SIE);
        for (struct process *process = processes; process < processes + PROCESSES; process++) {
            acquire(&process->lock);
            if (process->state == RUNNABLE) {
                process->state = RUNNING;
                hart->process = process;
                context_switch(&hart->scheduler, &process->context);
                hart->process = 0;
                found = 1;
            }
            release(&process->lock);
        }
        if (!found)
            asm volatile("wfi");
    }
}

/* To the scheduler, with nothing but the lock of the process held and its state changed. */
static void give_up(struct process *process) {
    if (!holding(&process->lock) || this_hart()->depth != 1 || process->state == RUNNING || csr_read(sstatus) & SIE)
        panic("a process gives up as it must not");
    int enabled = this_hart()->enabled;
    context_switch(&process->context, &this_hart()->scheduler);
    this_hart()->enabled = enabled;
}

void yield(void) {
    struct process *process = current();
    acquire(&process->lock);
    process->state = RUNNABLE;
    give_up(process);
    release(&process->lock);
}

void sleep(void *channel, struct lock *lock) {
    struct process *process = current();
    acquire(&process->lock);
    release(lock);
    process->channel = channel;
    process->state = SLEEPING;
    give_up(process);
    process->channel = 0;
    release(&process->lock);
    acquire(lock);
}

void wake(void *channel) {
    struct process *self = current();
    for (struct process *process = processes; process < processes + PROCESSES; process++) {
        if (process == self)
            continue;
        acquire(&process->lock);
        if (process->state == SLEEPING && process->channel == channel)
            process->state = RUNNABLE;
        release(&process->lock);
    }
}

int fork(void) {
    struct process *parent = current(), *child = make();
    if (!child)
        return -1;
    if (space_copy(parent->table, child->table, parent->size) < 0) {
        clear(child);
        release(&child->lock);
        return -1;
    }
    child->size = parent->size;
    *child->frame = *parent->frame;
    child->frame->registers[A0] = 0;
    int pid = child->pid;
    release(&child->lock);
    acquire(&wait_lock);
    child->parent = parent;
    release(&wait_lock);
    acquire(&child->lock);
    child->state = RUNNABLE;
    release(&child->lock);
    return pid;
}

void leave(int status) {
    struct process *process = current();
    if (process == init)
        panic("init leaves");
    acquire(&wait_lock);
    for (struct process *child = processes; child < processes + PROCESSES; child++)
        if (child->parent == process) {
            child->parent = init;
            wake(init);
        }
    wake(process->parent);
    acquire(&process->lock);
    process->status = status;
    process->state = ZOMBIE;
    release(&wait_lock);
    give_up(process);
    panic("a zombie runs");
}

int wait(u64 status) {
    struct process *process = current();
    acquire(&wait_lock);
    for (;;) {
        int children = 0;
        for (struct process *child = processes; child < processes + PROCESSES; child++) {
            if (child->parent != process)
                continue;
            acquire(&child->lock);
            children++;
            if (child->state == ZOMBIE) {
                int pid = child->pid;
                if (status && copy_out(process, status, &child->status, sizeof child->status) < 0)
                    pid = -1;
                else
                    clear(child);
                release(&child->lock);
                release(&wait_lock);
                return pid;
            }
            release(&child->lock);
        }
        if (!children || killed(process)) {
            release(&wait_lock);
            return -1;
        }
        sleep(process, &wait_lock);
    }
}

int kill(int pid) {
    for (struct process *process = processes; process < processes + PROCESSES; process++) {
        acquire(&process->lock);
        if (process->pid == pid && process->state != UNUSED) {
            process->killed = 1;
            if (process->state == SLEEPING)
                process->state = RUNNABLE;
            release(&process->lock);
            return 0;
        }
        release(&process->lock);
    }
    return -1;
}

int killed(struct process *process) {
    acquire(&process->lock);
    int answer = process->killed;
    release(&process->lock);
    return answer;
}

int grow(long bytes) {
    struct process *process = current();
    u64 size = process->size + bytes;
    if (bytes > 0 && (size > RAM || space_grow(process->table, process->size, size) < 0))
        return -1;
    if (bytes < 0)
        space_shrink(process->table, process->size, size);
    process->size = size;
    return 0;
}
