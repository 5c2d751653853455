/* The firmware's way from reset to the next stage. */
#include "../common/csr.h"
#include "../common/fdt.h"
#include "../common/print.h"
#include "board.h"
#include "console.h"
#include "cpu.h"
#include "hart.h"
#include "ipi.h"

/* What the loader says of the next stage, in RAM or ROM at a2. */
struct fw_dynamic {
    u64 magic, version, next_address, next_mode, options, boot_hart;
};

/* In .data, because the other harts look at it while the boot hart clears .bss. */
u32 boot_done __attribute__((section(".data"))) = 0;

static unsigned count_harts(void)
{
    unsigned count = 0;

    for (unsigned hart = 0; hart < MAX_HARTS; hart++)
        count += harts[hart].present;
    return count;
}

/* Lets the other harts go to sleep as stopped ones. */
static void release_harts(void)
{
    __atomic_store_n(&boot_done, 1, __ATOMIC_RELEASE);
    for (unsigned hart = 0; hart < MAX_HARTS; hart++) {
        if (harts[hart].present && hart != this_hart())
            ipi_send(hart, MAIL_NONE);
    }
}

_Noreturn void boot_main(u64 hart, void *fdt, const struct fw_dynamic *info)
{
    bool known = info && info->magic == FW_DYNAMIC_MAGIC;
    u64 next = known ? info->next_address : 0, base, size;
    unsigned mode = known && info->next_mode == MODE_M ? MODE_M : MODE_S;

    board_init(fdt);
    for (unsigned other = 0; other < MAX_HARTS; other++)
        harts[other].state = other == hart ? HART_STARTED : HART_STOPPED;
    console_init();
    cpu_protected_region(&base, &size);
    board_reserve(fdt, base, size);

    if (mode == MODE_S && cpu_has_supervisor())
        cpu_setup();
    print("\npytcg SBI 1.0: %u hart%s, timer by %s, next stage ", count_harts(), count_harts() == 1 ? "" : "s",
          cpu_has_sstc ? "stimecmp" : "CLINT");
    if (!next)
        print("missing: no kernel was given; waiting\n");
    else
        print("at 0x%lx in %c-mode\n", next, mode == MODE_M ? 'M' : 'S');
    if (next && mode == MODE_S && !cpu_has_supervisor()) {
        print("pytcg SBI: this CPU has no S-mode for the next stage; waiting\n");
        next = 0;
    }
    release_harts();
    if (!next)
        hart_stop();
    hart_enter(next, (u64)fdt, mode);
}

_Noreturn void secondary_main(void)
{
    if (cpu_has_supervisor())
        cpu_setup();
    hart_wait();
}
