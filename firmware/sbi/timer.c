#include "timer.h"

#include "../common/csr.h"
#include "board.h"
#include "cpu.h"
#include "hart.h"

enum { CLINT_MTIMECMP = 0x4000, CLINT_MTIME = 0xbff8 };

static volatile u64 *clint(u64 offset)
{
    return (volatile u64 *)(board.clint + offset);
}

u64 timer_now(void)
{
    return *clint(CLINT_MTIME);
}

void timer_set(u64 when)
{
    if (cpu_has_sstc) {
        csr_write(0x14d, when); /* stimecmp */
        return;
    }
    csr_clear(mip, MIP_STIP);
    *clint(CLINT_MTIMECMP + 8 * this_hart()) = when;
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
