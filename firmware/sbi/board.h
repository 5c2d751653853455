/* What the firmware knows of the machine: the device tree's word, or QEMU's virt board where there is no tree. */
#pragma once
#include "../common/htif.h"
#include "../common/types.h"
#include "../common/uart.h"

struct board {
    struct uart uart;
    volatile u32 *msip; /* of hart 0; a word for each */
    volatile u64 *mtimecmp, *mtime;
    u64 finisher; /* the test finisher, 0: none */
    struct htif htif; /* the host-target interface, NULL: none */
    u64 ram, ram_size;
};

extern struct board board;

/* Fills in `board`, and which harts there are. */
void board_init(const void *fdt);

/* Adds the firmware's memory to /reserved-memory, with no-map. The tree grows in place by less than 512 bytes. */
void board_reserve(void *fdt, u64 base, u64 size);
