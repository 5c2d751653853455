#include "console.h"

#include "../common/csr.h"
#include "../common/print.h"
#include "machine.h"
#include "paging.h"
#include "trap.h"

enum { RING = 256 }; /* a power of two */

static bool interrupts;
static u8 ring[RING];
static u32 put, got; /* counts of bytes */

bool console_init(void)
{
    if (!machine.uart.driver)
        return false;
    machine.uart.base = paging_map(machine.uart_address, machine.uart_size, PAGE_R | PAGE_W);
    uart_init(&machine.uart);
    return true;
}

void console_use_interrupts(void)
{
    interrupts = true;
    uart_listen(&machine.uart);
}

void console_receive(void)
{
    int byte;

    while ((byte = uart_get(&machine.uart)) >= 0) {
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
        uart_put(&machine.uart, '\r');
    uart_put(&machine.uart, (u8)character);
}
