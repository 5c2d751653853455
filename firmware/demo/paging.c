/* paging_build runs at physical addresses: nothing here may follow a pointer that the linker has put into memory. */
#include "paging.h"

#include "../common/fdt.h"
#include "layout.h"

enum { PAGE = 4096, LARGE_PAGE = 2 << 20, ENTRIES = 512, TABLES = 32 };
enum { PTE_VALID = 1, PTE_GLOBAL = 32, PTE_ACCESSED = 64, PTE_DIRTY = 128 };

#define WINDOW 0xffffffc000000000
#define SATP_SV39 (8ull << 60)

extern char _start[], _text_end[], _rodata_end[], _end[];

u64 kernel_offset __attribute__((section(".data"))) = 0;

static u64 tables[TABLES][ENTRIES] __attribute__((aligned(PAGE)));
static u64 tables_used = 1; /* the first is the root */

static u64 physical(const void *address)
{
    return (u64)address - kernel_offset;
}

/* The table that an entry points to, a new one where it is empty. */
static u64 *next_table(u64 *entry)
{
    if (!*entry)
        *entry = physical(tables[tables_used++]) >> 12 << 10 | PTE_VALID;
    return (u64 *)((*entry >> 10 << 12) + kernel_offset);
}

static void map(u64 address, u64 target, u64 size, u64 flags)
{
    u64 end = address + size;

    flags |= PTE_VALID | PTE_GLOBAL | PTE_ACCESSED | (flags & PAGE_W ? PTE_DIRTY : 0);
    while (address != end) {
        bool large = ((address | target) & (LARGE_PAGE - 1)) == 0 && end - address >= LARGE_PAGE;
        u64 *entry = &next_table(&tables[0][address >> 30 & 511])[address >> 21 & 511];

        if (!large)
            entry = &next_table(entry)[address >> 12 & 511];
        *entry = target >> 12 << 10 | flags;
        address += large ? LARGE_PAGE : PAGE;
        target += large ? LARGE_PAGE : PAGE;
    }
}

void *paging_window(u64 address)
{
    return (void *)(WINDOW + address);
}

void *paging_map(u64 address, u64 size, u64 flags)
{
    u64 start = address & -(u64)PAGE, end = (address + size + PAGE - 1) & -(u64)PAGE;

    map(WINDOW + start, start, end - start, flags);
    asm volatile("sfence.vma" ::: "memory");
    return paging_window(address);
}

/* A part of the kernel, both ends as physical addresses. */
static void map_kernel(const char *start, const char *end, u64 flags)
{
    map(KERNEL_BASE + (u64)(start - _start), (u64)start, (u64)(end - start), flags);
}

u64 paging_build(u64 device_tree)
{
    const struct fdt_header *fdt = (const struct fdt_header *)device_tree;

    tables_used = 1;
    map_kernel(_start, _text_end, PAGE_R | PAGE_X);
    map_kernel(_text_end, _rodata_end, PAGE_R);
    map_kernel(_rodata_end, _end, PAGE_R | PAGE_W);
    paging_map(device_tree, fdt_swap(fdt->total_size), PAGE_R);
    return SATP_SV39 | (u64)tables[0] >> 12;
}
