#include "describe.h"

#include "../common/print.h"
#include "../common/string.h"
#include "machine.h"
#include "paging.h"
#include "sbi_call.h"

extern char _start[], _end[];

static void range(const char *what, u64 base, u64 size)
{
    print("  %-22s %10lx .. %10lx  %6lu KiB\n", what, base, base + size - 1, size / 1024);
}

void describe_memory(void)
{
    struct fdt_node node;
    u64 base, size;
    bool reserved = false; /* in /reserved-memory */

    for (bool more = fdt_root(machine.fdt, &node); more; more = fdt_next(&node)) {
        if (node.depth == 1)
            reserved = !strcmp(node.name, "reserved-memory");
        if ((reserved && node.depth == 2) || machine_is_type(&node, "memory")) {
            for (u32 i = 0; fdt_reg(&node, i, &base, &size); i++)
                range(reserved ? node.name : "memory", base, size);
        }
    }
    range("kernel", (u64)_start - kernel_offset, (u64)(_end - _start));
}

static const char *hart_state(u64 hart)
{
    static const char *const states[] = {"started", "stopped", "start pending", "stop pending", "suspended"};
    struct sbi_result result = sbi_call(SBI_HSM, SBI_HART_STATUS, hart, 0, 0);

    return result.error || result.value >= sizeof states / sizeof *states ? "unknown" : states[result.value];
}

void describe_cpus(void)
{
    struct fdt_node node;
    u64 hart;

    for (bool more = fdt_root(machine.fdt, &node); more; more = fdt_next(&node)) {
        if (!machine_is_type(&node, "cpu") || !fdt_reg(&node, 0, &hart, NULL))
            continue;
        const char *isa = fdt_string(&node, "riscv,isa"), *mmu = fdt_string(&node, "mmu-type");

        print("  cpu %lu: %s, %s%s\n    %s\n", hart, hart_state(hart), mmu ? mmu : "no mmu",
              hart == machine.boot_hart ? ", this one" : "", isa ? isa : "isa not told");
    }
}
