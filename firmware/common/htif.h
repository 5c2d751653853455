/* The host-target interface of RISC-V simulators: two words by which a program calls the host and is answered. */
#pragma once
#include "types.h"

struct htif {
    volatile u64 *fromhost, *tohost;
};

void htif_put(const struct htif *htif, u8 byte);
int htif_get(const struct htif *htif); /* the byte received, or -1 */
void htif_exit(const struct htif *htif, u32 status);
