/* The ways out. */
#pragma once
#include "../common/types.h"

_Noreturn void power_off(bool failure);
_Noreturn void power_reboot(void);
