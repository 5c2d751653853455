/* Calls from S-mode (RISC-V SBI 2.0). */
#pragma once
#include "../common/types.h"

/* The registers of the interrupted mode, by number; layout.h has its size. */
struct frame {
    u64 x[32];
};

/* Does the call in a0..a7 and leaves its error and value in a0 and a1. */
void ecall(struct frame *frame);
