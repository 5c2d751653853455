/* The other harts at work. */
#pragma once
#include "../common/types.h"

/* Starts each stopped hart, has it add 1 to a shared sum `count` times and stop, and prints the sum. */
void smp_count(u64 count);
