#include "plic.h"

#include "console.h"
#include "machine.h"
#include "paging.h"

enum { ENABLE = 0x2000, ENABLE_STRIDE = 0x80, CONTEXT = 0x200000, CONTEXT_STRIDE = 0x1000, CLAIM = 4 };

static volatile u8 *base;

static volatile u32 *word(u64 offset)
{
    return (volatile u32 *)(base + offset);
}

bool plic_init(void)
{
    u32 source = machine.uart_interrupt, context = machine.plic_context;

    if (!machine.plic || !source)
        return false;
    base = paging_map(machine.plic, machine.plic_size, PAGE_R | PAGE_W);
    *word(source * 4) = 1; /* priority */
    *word(ENABLE + context * ENABLE_STRIDE + source / 32 * 4) = 1u << source % 32;
    *word(CONTEXT + context * CONTEXT_STRIDE) = 0; /* threshold */
    return true;
}

void plic_interrupt(void)
{
    volatile u32 *claim = word(CONTEXT + machine.plic_context * CONTEXT_STRIDE + CLAIM);
    u32 source;

    while ((source = *claim) != 0) {
        if (source == machine.uart_interrupt)
            console_receive();
        *claim = source;
    }
}
