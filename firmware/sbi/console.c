#include "console.h"

#include "../common/ns16550.h"
#include "../common/print.h"
#include "board.h"
#include "ipi.h"

static struct ns16550 uart;
static u32 lock;

void console_init(void)
{
    uart = (struct ns16550){.base = (volatile u8 *)board.uart, .shift = (u32)board.uart_shift};
    ns16550_init(&uart);
}

u64 console_write(const u8 *bytes, u64 count)
{
    ipi_lock(&lock);
    for (u64 i = 0; i < count; i++)
        ns16550_put(&uart, bytes[i]);
    ipi_unlock(&lock);
    return count;
}

u64 console_read(u8 *bytes, u64 count)
{
    u64 read = 0;
    int byte;

    ipi_lock(&lock);
    while (read < count && (byte = ns16550_get(&uart)) >= 0)
        bytes[read++] = (u8)byte;
    ipi_unlock(&lock);
    return read;
}

void put_char(char character)
{
    if (character == '\n')
        ns16550_put(&uart, '\r');
    ns16550_put(&uart, (u8)character);
}
