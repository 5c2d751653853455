/* The 16550 UART, polled: what both programs need of it. */
#pragma once
#include "types.h"

/* Registers, in units of the device's register stride. */
enum ns16550_register { UART_DATA = 0, UART_INTERRUPT_ENABLE = 1, UART_LINE_CONTROL = 3, UART_LINE_STATUS = 5 };

enum { UART_RECEIVE_INTERRUPT = 1, UART_8N1 = 3, UART_RECEIVED = 1, UART_TRANSMIT_EMPTY = 0x20 };

struct ns16550 {
    volatile u8 *base;
    u32 shift; /* the stride of the registers is 1 << shift bytes */
};

static inline u8 ns16550_read(const struct ns16550 *uart, enum ns16550_register number)
{
    return uart->base[number << uart->shift];
}

static inline void ns16550_write(const struct ns16550 *uart, enum ns16550_register number, u8 value)
{
    uart->base[number << uart->shift] = value;
}

/* 8 bits, no parity, no interrupts; the rate is left as it is, and so is the FIFO: switching it loses
   what was typed ahead. */
static inline void ns16550_init(const struct ns16550 *uart)
{
    ns16550_write(uart, UART_INTERRUPT_ENABLE, 0);
    ns16550_write(uart, UART_LINE_CONTROL, UART_8N1);
}

static inline void ns16550_put(const struct ns16550 *uart, u8 byte)
{
    while (!(ns16550_read(uart, UART_LINE_STATUS) & UART_TRANSMIT_EMPTY))
        continue;
    ns16550_write(uart, UART_DATA, byte);
}

/* The byte received, or -1. */
static inline int ns16550_get(const struct ns16550 *uart)
{
    return ns16550_read(uart, UART_LINE_STATUS) & UART_RECEIVED ? ns16550_read(uart, UART_DATA) : -1;
}
