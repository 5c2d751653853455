#include "uart.h"

#include "htif.h"

struct uart_driver {
    const char *compatible;
    void (*init)(const struct uart *uart);
    void (*put)(const struct uart *uart, u8 byte);
    int (*get)(const struct uart *uart);
    void (*listen)(const struct uart *uart);
};

/* 16550: PC16550D data sheet, section 8. */

enum { DATA = 0, INTERRUPT_ENABLE = 1, LINE_CONTROL = 3, LINE_STATUS = 5 };
enum { RECEIVE_INTERRUPT = 1, EIGHT_BITS = 3, RECEIVED = 1, TRANSMITTER_EMPTY = 0x20 };

static volatile u8 *ns16550(const struct uart *uart, u32 number)
{
    return uart->base + (number << uart->shift);
}

/* No parity, no interrupts; the FIFO is left as it is, since switching it loses what was typed ahead. */
static void ns16550_init(const struct uart *uart)
{
    *ns16550(uart, INTERRUPT_ENABLE) = 0;
    *ns16550(uart, LINE_CONTROL) = EIGHT_BITS;
}

static void ns16550_put(const struct uart *uart, u8 byte)
{
    while (!(*ns16550(uart, LINE_STATUS) & TRANSMITTER_EMPTY))
        continue;
    *ns16550(uart, DATA) = byte;
}

static int ns16550_get(const struct uart *uart)
{
    return *ns16550(uart, LINE_STATUS) & RECEIVED ? *ns16550(uart, DATA) : -1;
}

static void ns16550_listen(const struct uart *uart)
{
    *ns16550(uart, INTERRUPT_ENABLE) = RECEIVE_INTERRUPT;
}

/* SiFive UART: FU540-C000 manual, chapter 13. */

enum { TX_DATA = 0x00, RX_DATA = 0x04, TX_CONTROL = 0x08, RX_CONTROL = 0x0c, ENABLE = 0x10 };
enum { ON = 1, RX_WATERMARK = 2 };

static volatile u32 *sifive(const struct uart *uart, u32 offset)
{
    return (volatile u32 *)(uart->base + offset);
}

static void sifive_init(const struct uart *uart)
{
    *sifive(uart, ENABLE) = 0;
    *sifive(uart, TX_CONTROL) = ON;
    *sifive(uart, RX_CONTROL) = ON;
}

static void sifive_put(const struct uart *uart, u8 byte)
{
    while ((int)*sifive(uart, TX_DATA) < 0) /* full */
        continue;
    *sifive(uart, TX_DATA) = byte;
}

static int sifive_get(const struct uart *uart)
{
    int data = (int)*sifive(uart, RX_DATA);

    return data < 0 ? -1 : data & 0xff; /* negative: empty */
}

static void sifive_listen(const struct uart *uart)
{
    *sifive(uart, ENABLE) = RX_WATERMARK;
}

/* The host-target interface: `fromhost` and `tohost` in a row. */

static struct htif htif(const struct uart *uart)
{
    volatile u64 *words = (volatile u64 *)uart->base;

    return (struct htif){&words[0], &words[1]};
}

static void do_nothing(const struct uart *uart)
{
    (void)uart;
}

static void host_put(const struct uart *uart, u8 byte)
{
    struct htif words = htif(uart);

    htif_put(&words, byte);
}

static int host_get(const struct uart *uart)
{
    struct htif words = htif(uart);

    return htif_get(&words);
}

static const struct uart_driver drivers[] = {
    {"ns16550a", ns16550_init, ns16550_put, ns16550_get, ns16550_listen},
    {"sifive,uart0", sifive_init, sifive_put, sifive_get, sifive_listen},
    {"ucb,htif0", do_nothing, host_put, host_get, do_nothing},
};

bool uart_find(const void *fdt, struct fdt_node *node, struct uart *uart, u64 *address, u64 *size)
{
    uart->driver = NULL;
    for (u32 i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        node->depth = -1;
        if (!fdt_find(fdt, drivers[i].compatible, node) || !fdt_reg(node, 0, address, size))
            continue;
        uart->driver = &drivers[i];
        uart->shift = fdt_u32(node, "reg-shift", 0);
        return true;
    }
    return false;
}

void uart_init(const struct uart *uart)
{
    if (uart->driver)
        uart->driver->init(uart);
}

void uart_put(const struct uart *uart, u8 byte)
{
    if (uart->driver)
        uart->driver->put(uart, byte);
}

int uart_get(const struct uart *uart)
{
    return uart->driver ? uart->driver->get(uart) : -1;
}

void uart_listen(const struct uart *uart)
{
    if (uart->driver)
        uart->driver->listen(uart);
}
