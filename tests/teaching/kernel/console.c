/* The 16550: the kernel's own output polls, that of processes waits for an interrupt a byte, input comes by lines. */
#include "kernel.h"

#define REGISTER(index) (*(volatile u8 *)(UART + (index)))
enum { DATA, ENABLE, FIFO, LINE, STATUS = 5 };
enum { INPUT = 256 };

static struct lock output_lock, input_lock;
static int busy;
static char input[INPUT];
static u32 typed, complete, taken;

void console_init(void) {
    REGISTER(ENABLE) = 0;
    REGISTER(LINE) = 0x80;
    REGISTER(0) = 3;
    REGISTER(1) = 0;
    REGISTER(LINE) = 3;
    REGISTER(FIFO) = 7;
    REGISTER(ENABLE) = 3;
}

void console_put(int byte) {
    interrupts_off();
    while (!(REGISTER(STATUS) & 0x20))
        ;
    REGISTER(DATA) = (u8)byte;
    interrupts_back();
}

int console_write(u64 from, u64 size) {
    for (u64 done = 0; done < size; done++) {
        u8 byte;
        if (copy_in(current(), &byte, from + done, 1) < 0)
            return -1;
        acquire(&output_lock);
        while (busy)
            sleep(&busy, &output_lock);
        REGISTER(DATA) = byte;
        busy = 1;
        release(&output_lock);
    }
    return (int)size;
}

static void typed_byte(u8 byte) {
    acquire(&input_lock);
    if (byte == '\r')
        byte = '\n';
    if (typed - taken < INPUT) {
        console_put(byte);
        input[typed++ % INPUT] = (char)byte;
        if (byte == '\n' || typed - taken == INPUT) {
            complete = typed;
            wake(&complete);
        }
    }
    release(&input_lock);
}

void console_interrupt(void) {
    (void)REGISTER(FIFO);
    acquire(&output_lock);
    if (REGISTER(STATUS) & 0x20) {
        busy = 0;
        wake(&busy);
    }
    release(&output_lock);
    while (REGISTER(STATUS) & 1)
        typed_byte(REGISTER(DATA));
}

int console_read(u64 to, u64 size) {
    u64 done = 0;
    acquire(&input_lock);
    while (done < size) {
        while (taken == complete) {
            if (killed(current())) {
                release(&input_lock);
                return -1;
            }
            sleep(&complete, &input_lock);
        }
        char byte = input[taken++ % INPUT];
        if (copy_out(current(), to + done, &byte, 1) < 0)
            break;
        done++;
        if (byte == '\n')
            break;
    }
    release(&input_lock);
    return (int)done;
}
