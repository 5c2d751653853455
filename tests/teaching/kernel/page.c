/* Pages of memory, filled with rubbish when they are freed. */
#include "kernel.h"

struct free_page {
    struct free_page *next;
};
static struct free_page *first;
static u64 count;
static struct lock lock;

void *memset(void *to, int value, u64 size) {
    for (u8 *at = to; size--; at++)
        *at = (u8)value;
    return to;
}

void *memcpy(void *to, const void *from, u64 size) {
    u8 *at = to;
    for (const u8 *source = from; size--;)
        *at++ = *source++;
    return to;
}

int same(const char *a, const char *b, u64 size) {
    for (; size--; a++, b++) {
        if (*a != *b)
            return 0;
        if (!*a)
            break;
    }
    return 1;
}

static void give(struct free_page *page) {
    acquire(&lock);
    page->next = first;
    first = page;
    count++;
    release(&lock);
}

void pages_init(void) {
    for (u64 page = (u64)kernel_end; page < RAM_END; page += PAGE)
        give((struct free_page *)page);
}

void *page_new(void) {
    acquire(&lock);
    struct free_page *page = first;
    if (page) {
        first = page->next;
        count--;
    }
    release(&lock);
    return page;
}

void page_free(void *page) {
    if ((u64)page % PAGE || (u64)page < (u64)kernel_end || (u64)page >= RAM_END)
        panic("a page is freed that is none");
    memset(page, 0xa5, PAGE);
    give(page);
}

u64 pages_free(void) {
    return count;
}
