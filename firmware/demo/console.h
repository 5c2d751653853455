/* The console: output polled, input by interrupts (by the timer's tick where there is no PLIC). */
#pragma once
#include "../common/types.h"

/* False where the machine has no UART. */
bool console_init(void);
void console_use_interrupts(void);

/* Takes what the UART has received. */
void console_receive(void);

/* The next byte typed; sleeps until there is one. */
u8 console_get(void);
