/* Power states of the machine and of this hart. */
#pragma once
#include "../common/types.h"

_Noreturn void power_off(bool failure);
_Noreturn void power_reboot(void);

/* Suspends this hart until an interrupt. */
void power_suspend(void);
