/* Loops of fixed work, to compare emulators by. Freestanding and pure: tests run them on the host too. */
#pragma once
#include "../common/types.h"

struct bench {
    const char *name, *help;
    u64 (*run)(u64 *memory); /* `memory`: 2 MiB, aligned; answer: a checksum of the work */
};

/* Ends with one that has no name. */
extern const struct bench benches[];
