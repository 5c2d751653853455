#include "console.h"

#include "../common/print.h"
#include "board.h"
#include "ipi.h"

static u32 lock;

void console_init(void)
{
    uart_init(&board.uart);
}

u64 console_write(const u8 *bytes, u64 count)
{
    ipi_lock(&lock);
    for (u64 i = 0; i < count; i++)
        uart_put(&board.uart, bytes[i]);
    ipi_unlock(&lock);
    return count;
}

u64 console_read(u8 *bytes, u64 count)
{
    u64 read = 0;
    int byte;

    ipi_lock(&lock);
    while (read < count && (byte = uart_get(&board.uart)) >= 0)
        bytes[read++] = (u8)byte;
    ipi_unlock(&lock);
    return read;
}

void put_char(char character)
{
    if (character == '\n')
        uart_put(&board.uart, '\r');
    uart_put(&board.uart, (u8)character);
}
