/* Faults on purpose. */
#pragma once
#include "../common/types.h"

/* Raises the fault of this name, and returns after it was reported, but for "crash", which ends the command;
   false where there is none of this name. */
bool fault(const char *name);
