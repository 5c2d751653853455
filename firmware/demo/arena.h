/* Working memory of commands: one large page of 2 MiB, not cleared. */
#pragma once
#include "../common/types.h"

#define ARENA_SIZE (2u << 20)

extern u64 _arena[ARENA_SIZE / 8];
