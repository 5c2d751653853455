#include "board.h"

#include "../common/fdt.h"
#include "../common/string.h"
#include "hart.h"

struct board board = {
    .uart = 0x10000000,
    .clint = 0x2000000,
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

    if (device(fdt, "ns16550a", &node, &board.uart))
        board.uart_shift = fdt_u32(&node, "reg-shift", 0);
    if (!device(fdt, "riscv,clint0", &node, &board.clint))
        device(fdt, "sifive,clint0", &node, &board.clint);
    if (!device(fdt, "sifive,test0", &node, &board.finisher))
        board.finisher = 0;
}
