#include "console.h"

#include "../common/csr.h"
#include "../common/ns16550.h"
#include "../common/print.h"
#include "machine.h"
#include "paging.h"
#include "trap.h"

enum { RING = 256 }; /* a power of two */

static struct ns16550 uart;
static bool interrupts;
static u8 ring[RING];
static u32 put, got; /* counts of bytes */

bool console_init(void)
{
    if (!machine.uart)
        return false;
    uart = (struct ns16550){paging_map(machine.uart, machine.uart_size, PAGE_R | PAGE_W), machine.uart_shift};
    ns16550_init(&uart);
    return true;
}

void console_use_interrupts(void)
{
    interrupts = true;
    ns16550_write(&uart, UART_INTERRUPT_ENABLE, UART_RECEIVE_INTERRUPT);
}

void console_receive(void)
{
    int byte;

    while ((byte = ns16550_get(&uart)) >= 0) {
        if (put - got < RING)
            ring[put++ % RING] = (u8)byte;
    }
}

u8 console_get(void)
{
    for (;;) {
        trap_disable_interrupts();
        if (!interrupts)
            console_receive();
        bool some = put != got;
        u8 byte = ring[got % RING];

        if (some)
            got++;
        else
            wait_for_interrupt(); /* an interrupt that is pending ends it, though none is taken yet */
        trap_enable_interrupts();
        if (some)
            return byte;
    }
}

void put_char(char character)
{
    if (character == '\n')
        ns16550_put(&uart, '\r');
    ns16550_put(&uart, (u8)character);
}
