/* Power off and reboot by the test finisher. */
#pragma once
#include "../common/types.h"

bool reset_is_supported(void);

/* `type` is an enum sbi_reset_type; a shutdown because of a failure gives the emulator a status other than 0. */
_Noreturn void reset_system(u64 type, bool failure);
