/* Address spaces of Sv39. No entry has its A or D bit set by us, as small kernels leave these to the hardware. */
#include "kernel.h"

u64 *kernel_table;

u64 satp_of(u64 *table) {
    return 8ul << 60 | (u64)table >> 12;
}

static u64 *table_of(u64 entry) {
    return (u64 *)(entry >> 10 << 12);
}

static u64 *entry_of(u64 *table, u64 at, int make) {
    if (at >= SPACE_END)
        panic("an address beyond all spaces");
    for (int level = 2; level > 0; level--) {
        u64 *entry = &table[at >> (12 + 9 * level) & 511];
        if (!(*entry & PTE_V)) {
            u64 *below = make ? page_new() : 0;
            if (!below)
                return 0;
            memset(below, 0, PAGE);
            *entry = (u64)below >> 2 | PTE_V;
        }
        table = table_of(*entry);
    }
    return &table[at >> 12 & 511];
}

int space_map(u64 *table, u64 at, u64 physical, u64 size, u64 flags) {
    for (u64 done = 0; done < size; done += PAGE) {
        u64 *entry = entry_of(table, at + done, 1);
        if (!entry)
            return -1;
        if (*entry & PTE_V)
            panic("a page is mapped twice");
        *entry = (physical + done) >> 2 | flags | PTE_V;
    }
    return 0;
}

void space_init(void) {
    kernel_table = page_new();
    memset(kernel_table, 0, PAGE);
    u64 table[][3] = {
        {FINISHER, PAGE, PTE_R | PTE_W}, {PLIC, 0x400000, PTE_R | PTE_W},
        {UART, PAGE, PTE_R | PTE_W},     {DISK, PAGE, PTE_R | PTE_W},
        {RAM, (u64)text_end - RAM, PTE_R | PTE_X},
        {(u64)text_end, RAM_END - (u64)text_end, PTE_R | PTE_W},
    };
    for (u64 i = 0; i < sizeof table / sizeof *table; i++)
        space_map(kernel_table, table[i][0], table[i][0], table[i][1], table[i][2]);
    space_map(kernel_table, TRAMPOLINE, (u64)trampoline, PAGE, PTE_R | PTE_X);
    for (int i = 0; i < PROCESSES; i++)
        space_map(kernel_table, KERNEL_STACK(i), (u64)page_new(), PAGE, PTE_R | PTE_W);
}

void space_enter(void) {
    asm volatile("sfence.vma" ::: "memory");
    csr_write(satp, satp_of(kernel_table));
    asm volatile("sfence.vma" ::: "memory");
}

u64 *space_new(struct frame *frame) {
    u64 *table = page_new();
    if (!table)
        return 0;
    memset(table, 0, PAGE);
    if (space_map(table, TRAMPOLINE, (u64)trampoline, PAGE, PTE_R | PTE_X) < 0 ||
        space_map(table, FRAME, (u64)frame, PAGE, PTE_R | PTE_W) < 0) {
        space_free(table, 0);
        return 0;
    }
    return table;
}

static void free_tables(u64 *table, int level) {
    for (int i = 0; level && i < 512; i++)
        if (table[i] & PTE_V)
            free_tables(table_of(table[i]), level - 1);
    page_free(table);
}

void space_free(u64 *table, u64 size) {
    space_shrink(table, size, 0);
    free_tables(table, 2);
}

void space_shrink(u64 *table, u64 from, u64 to) {
    for (u64 at = (to + PAGE - 1) / PAGE * PAGE; at < from; at += PAGE) {
        u64 *entry = entry_of(table, at, 0);
        if (!entry || !(*entry & PTE_V))
            continue;
        page_free(table_of(*entry));
        *entry = 0;
    }
}

static int add_page(u64 *table, u64 at, u64 flags, const void *content) {
    void *page = page_new();
    if (!page)
        return -1;
    if (content)
        memcpy(page, content, PAGE);
    else
        memset(page, 0, PAGE);
    if (space_map(table, at, (u64)page, PAGE, flags) == 0)
        return 0;
    page_free(page);
    return -1;
}

int space_grow(u64 *table, u64 from, u64 to) {
    for (u64 at = (from + PAGE - 1) / PAGE * PAGE; at < to; at += PAGE)
        if (add_page(table, at, PTE_R | PTE_W | PTE_X | PTE_U, 0) < 0) {
            space_shrink(table, at, from);
            return -1;
        }
    return 0;
}

int space_copy(u64 *from, u64 *to, u64 size) {
    for (u64 at = 0; at < size; at += PAGE) {
        u64 *entry = entry_of(from, at, 0);
        if (!entry || !(*entry & PTE_V))
            continue;
        if (add_page(to, at, *entry & 0x1e, table_of(*entry)) < 0) {
            space_shrink(to, at, 0);
            return -1;
        }
    }
    return 0;
}

/* The page of an address below size that was promised and not yet given; -1 where there can be none. */
int space_demand(u64 *table, u64 at, u64 size) {
    if (at >= size)
        return -1;
    u64 *entry = entry_of(table, at, 0);
    if (entry && *entry & PTE_V)
        return -1;
    return add_page(table, at / PAGE * PAGE, PTE_R | PTE_W | PTE_U, 0);
}

void space_guard(u64 *table, u64 at) {
    *entry_of(table, at, 0) &= ~PTE_U;
}

static u8 *user_page(struct process *process, u64 at) {
    if (at >= process->size)
        return 0;
    u64 *entry = entry_of(process->table, at, 0);
    if ((!entry || !(*entry & PTE_V)) && space_demand(process->table, at, process->size) < 0)
        return 0;
    entry = entry_of(process->table, at, 0);
    return *entry & PTE_U ? (u8 *)table_of(*entry) + at % PAGE : 0;
}

static int transfer(struct process *process, u64 user, u8 *kernel, u64 size, int out) {
    while (size) {
        u8 *page = user_page(process, user);
        u64 step = PAGE - user % PAGE < size ? PAGE - user % PAGE : size;
        if (!page)
            return -1;
        memcpy(out ? page : kernel, out ? kernel : page, step);
        user += step;
        kernel += step;
        size -= step;
    }
    return 0;
}

int copy_out(struct process *process, u64 to, const void *from, u64 size) {
    return transfer(process, to, (u8 *)from, size, 1);
}

int copy_in(struct process *process, void *to, u64 from, u64 size) {
    return transfer(process, from, to, size, 0);
}
