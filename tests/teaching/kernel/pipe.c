/* Pipes of 512 bytes. */
#include "kernel.h"

enum { ROOM = 512 };
static struct pipe {
    struct lock lock;
    int used;
    u64 written, taken;
    u8 data[ROOM];
} pipes[PIPES];

int pipe_new(void) {
    for (int i = 0; i < PIPES; i++)
        if (!__sync_lock_test_and_set(&pipes[i].used, 1))
            return i;
    return -1;
}

int pipe_write(int index, u64 from, u64 size) {
    struct pipe *pipe = &pipes[index % PIPES];
    u64 done = 0;
    acquire(&pipe->lock);
    while (done < size && !killed(current())) {
        if (pipe->written == pipe->taken + ROOM) {
            wake(&pipe->taken);
            sleep(&pipe->written, &pipe->lock);
        } else if (copy_in(current(), &pipe->data[pipe->written % ROOM], from + done, 1) < 0) {
            break;
        } else {
            pipe->written++;
            done++;
        }
    }
    wake(&pipe->taken);
    release(&pipe->lock);
    return done == size ? (int)size : -1;
}

int pipe_read(int index, u64 to, u64 size) {
    struct pipe *pipe = &pipes[index % PIPES];
    u64 done = 0;
    acquire(&pipe->lock);
    while (pipe->written == pipe->taken) {
        if (killed(current())) {
            release(&pipe->lock);
            return -1;
        }
        sleep(&pipe->taken, &pipe->lock);
    }
    while (done < size && pipe->taken < pipe->written) {
        if (copy_out(current(), to + done, &pipe->data[pipe->taken % ROOM], 1) < 0)
            break;
        pipe->taken++;
        done++;
    }
    wake(&pipe->written);
    release(&pipe->lock);
    return (int)done;
}
