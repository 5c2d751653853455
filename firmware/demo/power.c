#include "power.h"

#include "../common/csr.h"
#include "sbi_call.h"

static _Noreturn void reset(u64 type, u64 reason)
{
    sbi_call(SBI_SRST, 0, type, reason, 0);
    sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0);
    csr_write(sie, 0);
    for (;;)
        wait_for_interrupt();
}

_Noreturn void power_off(bool failure)
{
    reset(SBI_SHUTDOWN, failure);
}

_Noreturn void power_reboot(void)
{
    reset(SBI_COLD_REBOOT, 0);
}

void power_suspend(void)
{
    if (sbi_call(SBI_HSM, SBI_HART_SUSPEND, 0, 0, 0).error) /* type 0: the default retentive state */
        wait_for_interrupt();
}
