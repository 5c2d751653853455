#include "smp.h"

#include "../common/print.h"
#include "machine.h"
#include "paging.h"
#include "sbi_call.h"
#include "timer.h"

/* What head.S's smp_entry gets; it runs at physical addresses. */
struct smp_work {
    u64 count, sum;
};

void smp_entry(void);

static struct smp_work work;

static u64 physical(const void *address)
{
    return (u64)address - kernel_offset;
}

static bool is_running(u64 hart)
{
    struct sbi_result result = sbi_call(SBI_HSM, SBI_HART_STATUS, hart, 0, 0);

    return !result.error && result.value != HART_STOPPED;
}

static bool is_cpu(const struct fdt_node *node, u64 *hart)
{
    return machine_is_type(node, "cpu") && fdt_reg(node, 0, hart, NULL) && *hart != machine.boot_hart;
}

void smp_count(u64 count)
{
    struct fdt_node node;
    u64 hart, harts = 0, start = timer_now();

    work = (struct smp_work){.count = count ? count : 1};
    for (bool more = fdt_root(machine.fdt, &node); more; more = fdt_next(&node)) {
        if (is_cpu(&node, &hart))
            harts += !sbi_call(SBI_HSM, SBI_HART_START, hart, physical(smp_entry), physical(&work)).error;
    }
    for (bool more = fdt_root(machine.fdt, &node); more; more = fdt_next(&node)) {
        if (is_cpu(&node, &hart)) {
            while (is_running(hart))
                continue;
        }
    }
    print("%lu CPUs added up to %lu (%lu ms)\n", harts, __atomic_load_n(&work.sum, __ATOMIC_ACQUIRE),
          timer_ms(start, timer_now()));
}
