/* Power off and reboot by the test finisher; power off by the host-target interface. */
#pragma once
#include "../common/types.h"

/* `type` is an enum sbi_reset_type. */
bool reset_is_supported(u64 type);

/* A shutdown because of a failure gives the emulator a status other than 0. */
_Noreturn void reset_system(u64 type, bool failure);
