/* A program from the disk: block 1 is the directory, the files are flat images for address 0. */
#include "kernel.h"

enum { DIRECTORY = 1, STACK = 2 * PAGE };
struct entry {
    char name[NAME];
    u32 block, size;
};

static int find(const char *name, struct entry *found) {
    struct buffer *buffer = buffer_get(DIRECTORY);
    struct entry *entry = (struct entry *)buffer->data;
    int answer = -1;
    for (u64 i = 0; i < BLOCK / sizeof *entry && answer < 0; i++)
        if (entry[i].name[0] && same(entry[i].name, name, NAME)) {
            *found = entry[i];
            answer = 0;
        }
    buffer_put(buffer);
    return answer;
}

static int load(struct process *to, struct entry *entry) {
    for (u32 done = 0; done < entry->size; done += BLOCK) {
        struct buffer *buffer = buffer_get(entry->block + done / BLOCK);
        u32 step = entry->size - done < BLOCK ? entry->size - done : BLOCK;
        int answer = copy_out(to, done, buffer->data, step);
        buffer_put(buffer);
        if (answer < 0)
            return -1;
    }
    return 0;
}

/* A guard page lies between the program and its stack. No fence.i: what runs is what was stored last. */
int exec(const char *name) {
    struct process *process = current();
    struct entry entry;
    if (find(name, &entry) < 0)
        return -1;
    struct process fresh = {.table = space_new(process->frame)};
    if (!fresh.table)
        return -1;
    u64 guard = (entry.size + PAGE - 1) / PAGE * PAGE;
    fresh.size = guard + PAGE + STACK;
    if (space_grow(fresh.table, 0, fresh.size) < 0 || load(&fresh, &entry) < 0) {
        space_free(fresh.table, fresh.size);
        return -1;
    }
    space_guard(fresh.table, guard);
    space_free(process->table, process->size);
    process->table = fresh.table;
    process->size = fresh.size;
    process->frame->pc = 0;
    process->frame->registers[SP] = fresh.size;
    return 0;
}
