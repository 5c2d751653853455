/* What the device tree says of the machine. */
#pragma once
#include "../common/fdt.h"
#include "../common/uart.h"

struct machine {
    const void *fdt;
    u64 boot_hart;
    u64 time_hz; /* ticks of the time CSR a second */
    bool has_sstc;
    const char *arguments; /* the kernel's command line */

    struct uart uart; /* to be mapped: its base is not set */
    u64 uart_address, uart_size;
    u32 uart_interrupt;
    u64 plic, plic_size; /* 0: none */
    u32 plic_context; /* the boot hart's S-mode context */
};

extern struct machine machine;

void machine_init(const void *fdt, u64 boot_hart);

/* Whether the node is of this device_type. */
bool machine_is_type(const struct fdt_node *node, const char *type);

/* Whether a cpu node's ISA names a multi-letter extension. */
bool machine_has_extension(const struct fdt_node *cpu, const char *extension);
