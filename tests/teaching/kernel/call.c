/* System calls: the number in a7, arguments in a0 to a2, the result in a0. */
#include "kernel.h"
#include "../user/calls.h"

static u64 exec_call(u64 name) {
    char text[NAME] = {0};
    if (copy_in(current(), text, name, NAME - 1) < 0)
        return -1;
    return exec(text);
}

static u64 pause_call(u64 count) {
    acquire(&tick_lock);
    for (u64 start = ticks; ticks - start < count;) {
        if (killed(current())) {
            release(&tick_lock);
            return -1;
        }
        sleep(&ticks, &tick_lock);
    }
    release(&tick_lock);
    return 0;
}

/* Move an amount from the first word of one block to that of another: both or none. */
static u64 move_call(u64 from, u64 to, u64 amount) {
    journal_begin();
    struct buffer *source = buffer_get(from < to ? from : to), *target = buffer_get(from < to ? to : from);
    long delta = from < to ? (long)amount : -(long)amount;
    *(long *)source->data -= delta;
    *(long *)target->data += delta;
    journal_write(source);
    journal_write(target);
    buffer_put(target);
    buffer_put(source);
    journal_end();
    return 0;
}

static u64 block_call(u64 block, u64 at, int write) {
    struct buffer *buffer = buffer_get(block);
    int answer;
    if (write) {
        answer = copy_in(current(), buffer->data, at, BLOCK);
        disk_transfer(buffer, 1);
    } else {
        answer = copy_out(current(), at, buffer->data, BLOCK);
    }
    buffer_put(buffer);
    return answer;
}

static u64 break_call(long bytes, int lazy) {
    struct process *process = current();
    u64 before = process->size;
    if (lazy) {
        if (before + bytes > RAM)
            return -1;
        process->size += bytes;
    } else if (grow(bytes) < 0) {
        return -1;
    }
    return before;
}

void system_call(void) {
    struct frame *frame = current()->frame;
    u64 a = frame->registers[A0], b = frame->registers[A1], c = frame->registers[A2], answer = -1;
    switch (frame->registers[A7]) {
    case CALL_FORK: answer = fork(); break;
    case CALL_EXIT: leave((int)a);
    case CALL_WAIT: answer = wait(a); break;
    case CALL_EXEC: answer = exec_call(a); break;
    case CALL_BREAK: answer = break_call((long)a, (int)b); break;
    case CALL_KILL: answer = kill((int)a); break;
    case CALL_PID: answer = current()->pid; break;
    case CALL_WRITE: answer = console_write(a, b); break;
    case CALL_READ: answer = console_read(a, b); break;
    case CALL_PAUSE: answer = pause_call(a); break;
    case CALL_MOVE: answer = move_call(a, b, c); break;
    case CALL_BLOCK_READ: answer = block_call(a, b, 0); break;
    case CALL_BLOCK_WRITE: answer = block_call(a, b, 1); break;
    case CALL_PIPE: answer = pipe_new(); break;
    case CALL_PIPE_WRITE: answer = pipe_write((int)a, b, c); break;
    case CALL_PIPE_READ: answer = pipe_read((int)a, b, c); break;
    case CALL_PAGES: answer = pages_free(); break;
    case CALL_POWER_OFF: power_off((int)a);
    }
    frame->registers[A0] = answer;
}
