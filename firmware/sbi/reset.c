#include "reset.h"

#include "../common/csr.h"
#include "../common/sbi.h"
#include "board.h"

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777, FAILURE_STATUS = 1 };

bool reset_is_supported(u64 type)
{
    return board.finisher || (type == SBI_SHUTDOWN && board.htif.tohost);
}

_Noreturn void reset_system(u64 type, bool failure)
{
    u32 command = FINISHER_RESET;

    if (type == SBI_SHUTDOWN)
        command = failure ? FAILURE_STATUS << 16 | FINISHER_FAIL : FINISHER_PASS;
    if (board.finisher)
        *(volatile u32 *)board.finisher = command;
    else if (board.htif.tohost && type == SBI_SHUTDOWN)
        htif_exit(&board.htif, failure ? FAILURE_STATUS : 0);
    for (;;)
        wait_for_interrupt();
}
