/* The platform-level interrupt controller: one source, the console, to the boot hart. */
#pragma once
#include "../common/types.h"

/* False where the tree has no PLIC or no interrupt for the console. */
bool plic_init(void);

void plic_interrupt(void);
