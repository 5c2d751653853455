/* UARTs, polled: what both programs need of them. */
#pragma once
#include "fdt.h"
#include "types.h"

struct uart {
    const struct uart_driver *driver; /* NULL: there is no UART */
    volatile u8 *base;
    u32 shift; /* of a 16550: its registers are 1 << shift bytes apart */
};

/* The first UART of the tree that there is a driver for: its node, and where its registers are. False, and no driver,
   where there is none. */
bool uart_find(const void *fdt, struct fdt_node *node, struct uart *uart, u64 *address, u64 *size);

/* The line's rate is left as it is. Without a UART, what is sent goes nowhere and nothing comes. */
void uart_init(const struct uart *uart);
void uart_put(const struct uart *uart, u8 byte);
int uart_get(const struct uart *uart); /* the byte received, or -1 */

/* From now on the UART interrupts when it has received. */
void uart_listen(const struct uart *uart);
