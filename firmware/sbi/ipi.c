#include "ipi.h"

#include "../common/csr.h"
#include "board.h"
#include "cpu.h"
#include "hart.h"

enum { PAGE_SIZE = 4096, PAGES_FENCED_SINGLY = 64 };

/* The one fence that is under way. */
static struct {
    u32 lock;
    u32 waiting; /* harts that have not done it yet */
    u64 function, start, size, asid;
} fence;

static void set_software_interrupt(unsigned hart, u32 value)
{
    board.msip[hart] = value;
}

void ipi_send(unsigned hart, enum mail mail)
{
    __atomic_fetch_or(&harts[hart].mailbox, mail, __ATOMIC_RELEASE);
    asm volatile("fence rw, ow" ::: "memory"); /* the mailbox before the device */
    set_software_interrupt(hart, 1);
}

static void fence_page(u64 address)
{
    if (fence.function == SBI_SFENCE_VMA_ASID)
        asm volatile("sfence.vma %0, %1" ::"r"(address), "r"(fence.asid) : "memory");
    else
        asm volatile("sfence.vma %0" ::"r"(address) : "memory");
}

static void fence_all_pages(void)
{
    if (fence.function == SBI_SFENCE_VMA_ASID)
        asm volatile("sfence.vma zero, %0" ::"r"(fence.asid) : "memory");
    else
        asm volatile("sfence.vma" ::: "memory");
}

static void do_fence(void)
{
    if (fence.function == SBI_FENCE_I) {
        asm volatile("fence.i" ::: "memory");
    } else if ((fence.start == 0 && fence.size == 0) || fence.size > PAGES_FENCED_SINGLY * PAGE_SIZE) {
        fence_all_pages();
    } else {
        for (u64 offset = 0; offset < fence.size; offset += PAGE_SIZE)
            fence_page(fence.start + offset);
    }
    __atomic_fetch_sub(&fence.waiting, 1, __ATOMIC_RELEASE);
}

void ipi_receive(void)
{
    unsigned hart = this_hart();

    set_software_interrupt(hart, 0);
    asm volatile("fence ow, rw" ::: "memory"); /* a mail after this finds the interrupt clear, and sets it */
    u32 mail = __atomic_exchange_n(&harts[hart].mailbox, 0, __ATOMIC_ACQUIRE);

    if (mail & MAIL_FENCE)
        do_fence();
    if (mail & MAIL_SOFTWARE_INTERRUPT)
        csr_set(mip, MIP_SSIP);
}

/* While this hart waits for another one. Looks at memory first: a device is slow, and every hart has to wait for it. */
static void poll(void)
{
    if (__atomic_load_n(&harts[this_hart()].mailbox, __ATOMIC_RELAXED))
        ipi_receive();
}

void ipi_lock(u32 *lock)
{
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
        poll();
}

void ipi_unlock(u32 *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* The set as a mask of hart ids; false where it names a hart that is not there. */
static bool resolve(struct hart_set set, u64 *harts_named)
{
    bool all = set.base == ~0ull;
    u64 present = 0, mask = all ? ~0ull : set.mask;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++)
        present |= (u64)harts[hart].present << hart;
    if (!all && set.base >= MAX_HARTS && mask)
        return false;
    if (!all && set.base) {
        if (mask >> (MAX_HARTS - set.base))
            return false;
        mask <<= set.base;
    }
    *harts_named = mask & present;
    return all || mask == *harts_named;
}

static bool is_running(unsigned hart)
{
    u32 state = hart_state(hart);

    return state == HART_STARTED || state == HART_SUSPENDED;
}

int ipi_send_all(struct hart_set set, enum mail mail)
{
    u64 mask;

    if (!resolve(set, &mask))
        return SBI_INVALID_PARAMETER;
    for (; mask; mask &= mask - 1) {
        unsigned hart = (unsigned)__builtin_ctzll(mask);

        if (is_running(hart))
            ipi_send(hart, mail);
    }
    return SBI_SUCCESS;
}

int ipi_fence(struct hart_set set, u64 function, u64 start, u64 size, u64 asid)
{
    u64 mask, running = 0;

    if (!resolve(set, &mask))
        return SBI_INVALID_PARAMETER;
    ipi_lock(&fence.lock);
    for (u64 left = mask; left; left &= left - 1) {
        if (is_running((unsigned)__builtin_ctzll(left)))
            running |= left & -left;
    }
    fence.function = function;
    fence.start = start & -(u64)PAGE_SIZE;
    fence.size = size == ~0ull ? size : size + (start & (PAGE_SIZE - 1));
    fence.asid = asid;
    __atomic_store_n(&fence.waiting, (u32)__builtin_popcountll(running), __ATOMIC_RELEASE);
    for (u64 left = running; left; left &= left - 1) {
        unsigned hart = (unsigned)__builtin_ctzll(left);

        if (hart == this_hart())
            do_fence();
        else
            ipi_send(hart, MAIL_FENCE);
    }
    while (__atomic_load_n(&fence.waiting, __ATOMIC_ACQUIRE))
        poll();
    ipi_unlock(&fence.lock);
    return SBI_SUCCESS;
}
