#include "reset.h"

#include "../common/csr.h"
#include "../common/sbi.h"
#include "board.h"

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777, FAILURE_STATUS = 1 };

bool reset_is_supported(void)
{
    return board.finisher != 0;
}

_Noreturn void reset_system(u64 type, bool failure)
{
    u32 command = FINISHER_RESET;

    if (type == SBI_SHUTDOWN)
        command = failure ? FAILURE_STATUS << 16 | FINISHER_FAIL : FINISHER_PASS;
    if (board.finisher)
        *(volatile u32 *)board.finisher = command;
    for (;;)
        wait_for_interrupt();
}
