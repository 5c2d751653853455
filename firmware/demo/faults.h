/* Faults on purpose. */
#pragma once
#include "../common/types.h"

/* Raises the fault of this name, and returns after it was reported; false where there is none. */
bool fault(const char *name);
