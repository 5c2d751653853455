/* Output of the kernel itself, and its end. */
#include "kernel.h"

static struct lock print_lock;
static volatile int panicked;

static void put_number(u64 value, u64 base) {
    char digits[20];
    int count = 0;
    do
        digits[count++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (count)
        console_put(digits[--count]);
}

void print(const char *format, ...) {
    __builtin_va_list arguments;
    __builtin_va_start(arguments, format);
    if (!panicked)
        acquire(&print_lock);
    for (; *format; format++) {
        if (*format != '%') {
            console_put(*format);
            continue;
        }
        if (*++format == 's')
            for (const char *text = __builtin_va_arg(arguments, const char *); *text; text++)
                console_put(*text);
        else
            put_number(__builtin_va_arg(arguments, u64), *format == 'x' ? 16 : 10);
    }
    if (!panicked)
        release(&print_lock);
    __builtin_va_end(arguments);
}

void power_off(int status) {
    mmio32(FINISHER) = status ? (u32)status << 16 | 0x3333 : 0x5555;
    for (;;)
        ;
}

void panic(const char *why) {
    panicked = 1;
    print("panic: hart %d: %s\n", (u64)hart_id(), why);
    power_off(99);
}
