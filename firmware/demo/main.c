/* The demo kernel's way from head.S to the shell. */
#include "../common/print.h"
#include "console.h"
#include "machine.h"
#include "paging.h"
#include "plic.h"
#include "power.h"
#include "shell.h"
#include "timer.h"
#include "trap.h"

_Noreturn void kernel_main(u64 hart, u64 device_tree, u64 offset)
{
    kernel_offset = offset;
    machine_init(paging_window(device_tree), hart);
    if (!console_init())
        power_off(true);
    timer_init();
    if (plic_init())
        console_use_interrupts();
    trap_init();
    print("\npytcg demo kernel: hart %lu, Sv39, timer by %s, console by %s\nType `help` for the commands.\n", hart,
          machine.has_sstc ? "stimecmp" : "SBI", machine.plic ? "interrupts" : "polling");
    shell();
}
