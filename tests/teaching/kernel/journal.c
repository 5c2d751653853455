/* Blocks in memory, and a journal by which a group of writes happens as a whole or not at all. */
#include "kernel.h"

enum { HEADER = 2, GROUP = 8 };
static struct lock cache_lock, journal_lock;
static struct buffer buffers[BUFFERS];
static int open_group;
static struct header {
    u32 count, blocks[GROUP];
} header;

/* The buffer of a block, with its content, for one process at a time. */
struct buffer *buffer_get(u32 block) {
    struct buffer *found = 0, *idle = 0;
    static u32 hand;
    acquire(&cache_lock);
    for (;;) {
        found = idle = 0;
        for (u32 i = 0; i < BUFFERS; i++) {
            struct buffer *buffer = &buffers[(hand + i) % BUFFERS];
            if ((buffer->valid || buffer->users) && buffer->block == block)
                found = buffer;
            else if (!buffer->users && !buffer->dirty && !idle)
                idle = buffer;
        }
        if (found || idle)
            break;
        sleep(buffers, &cache_lock);
    }
    hand++;
    if (!found) {
        found = idle;
        found->block = block;
        found->valid = 0;
    }
    found->users++;
    while (found->busy)
        sleep(found, &cache_lock);
    found->busy = 1;
    release(&cache_lock);
    if (!found->valid) {
        disk_transfer(found, 0);
        found->valid = 1;
    }
    return found;
}

void buffer_put(struct buffer *buffer) {
    acquire(&cache_lock);
    buffer->busy = 0;
    buffer->users--;
    wake(buffer);
    wake(buffers);
    release(&cache_lock);
}

static void write_header(void) {
    struct buffer *buffer = buffer_get(HEADER);
    memcpy(buffer->data, &header, sizeof header);
    disk_transfer(buffer, 1);
    buffer_put(buffer);
}

static void copy_blocks(int home) {
    for (u32 i = 0; i < header.count; i++) {
        struct buffer *journal = buffer_get(HEADER + 1 + i), *block = buffer_get(header.blocks[i]);
        struct buffer *to = home ? block : journal;
        memcpy(to->data, (home ? journal : block)->data, BLOCK);
        disk_transfer(to, 1);
        if (home)
            block->dirty = 0;
        buffer_put(block);
        buffer_put(journal);
    }
}

static void finish(void) {
    copy_blocks(1);
    header.count = 0;
    write_header();
}

void journal_recover(void) {
    struct buffer *buffer = buffer_get(HEADER);
    memcpy(&header, buffer->data, sizeof header);
    buffer_put(buffer);
    finish();
}

void journal_begin(void) {
    acquire(&journal_lock);
    while (open_group)
        sleep(&open_group, &journal_lock);
    open_group = 1;
    release(&journal_lock);
}

void journal_write(struct buffer *buffer) {
    if (header.count == GROUP)
        panic("a group is too large");
    buffer->dirty = 1;
    header.blocks[header.count++] = buffer->block;
}

void journal_end(void) {
    copy_blocks(0);
    write_header();
    finish();
    acquire(&journal_lock);
    open_group = 0;
    wake(&open_group);
    release(&journal_lock);
}
