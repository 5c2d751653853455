#include "board.h"

#include "../common/fdt.h"
#include "../common/string.h"
#include "hart.h"

struct board board = {
    .msip = (volatile u32 *)0x2000000,
    .mtimecmp = (volatile u64 *)0x2004000,
    .mtime = (volatile u64 *)0x200bff8,
    .finisher = 0x100000,
    .ram = 0x80000000,
    .ram_size = 128 << 20,
};

/* The address of the first node that is compatible; false where there is none. */
static bool device(const void *fdt, const char *compatible, struct fdt_node *node, u64 *address)
{
    node->depth = -1;
    return fdt_find(fdt, compatible, node) && fdt_reg(node, 0, address, NULL);
}

static bool is_type(const struct fdt_node *node, const char *type)
{
    const char *value = fdt_string(node, "device_type");

    return value && !strcmp(value, type);
}

/* One block for software interrupts and the timer, or one for each (RISC-V ACLINT specification 1.0). */
static void find_timer(const void *fdt)
{
    struct fdt_node node;
    u64 address, compare;

    if (device(fdt, "riscv,clint0", &node, &address) || device(fdt, "sifive,clint0", &node, &address)) {
        board.msip = (volatile u32 *)address;
        board.mtimecmp = (volatile u64 *)(address + 0x4000);
        board.mtime = (volatile u64 *)(address + 0xbff8);
        return;
    }
    if (device(fdt, "riscv,aclint-mswi", &node, &address))
        board.msip = (volatile u32 *)address;
    if (device(fdt, "riscv,aclint-mtimer", &node, &address) && fdt_reg(&node, 1, &compare, NULL)) {
        board.mtime = (volatile u64 *)address;
        board.mtimecmp = (volatile u64 *)compare;
    }
}

void board_init(const void *fdt)
{
    struct fdt_node node;
    u64 address, size;

    if (!fdt_root(fdt, &node)) {
        harts[this_hart()].present = true;
        return;
    }
    do {
        if (is_type(&node, "cpu") && fdt_enabled(&node) && fdt_reg(&node, 0, &address, NULL) && address < MAX_HARTS)
            harts[address].present = true;
        if (is_type(&node, "memory") && fdt_reg(&node, 0, &address, &size)) {
            board.ram = address;
            board.ram_size = size;
        }
    } while (fdt_next(&node));

    if (uart_find(fdt, &node, &board.uart, &address, &size))
        board.uart.base = (volatile u8 *)address;
    find_timer(fdt);
    if (!device(fdt, "sifive,test0", &node, &board.finisher))
        board.finisher = 0;
    if (device(fdt, "ucb,htif0", &node, &address))
        board.htif = (struct htif){(volatile u64 *)address, (volatile u64 *)address + 1};
}
