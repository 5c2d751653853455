#include "timer.h"

#include "../common/csr.h"
#include "board.h"
#include "cpu.h"
#include "hart.h"

u64 timer_now(void)
{
    return *board.mtime;
}

void timer_set(u64 when)
{
    if (cpu_has_sstc) {
        csr_write(0x14d, when); /* stimecmp */
        return;
    }
    csr_clear(mip, MIP_STIP);
    board.mtimecmp[this_hart()] = when;
    csr_set(mie, MIP_MTIP);
}

void timer_expired(void)
{
    csr_clear(mie, MIP_MTIP);
    csr_set(mip, MIP_STIP);
}

void timer_poll(void)
{
    if (csr_read(mip) & csr_read(mie) & MIP_MTIP)
        timer_expired();
}
