/* Access to control and status registers by name or number. */
#pragma once
#include "types.h"

#define csr_read(csr)                                        \
    ({                                                       \
        u64 value_;                                          \
        asm volatile("csrr %0, " #csr : "=r"(value_));       \
        value_;                                              \
    })
#define csr_write(csr, value) asm volatile("csrw " #csr ", %0" ::"rK"((u64)(value)) : "memory")
#define csr_set(csr, bits) asm volatile("csrs " #csr ", %0" ::"rK"((u64)(bits)) : "memory")
#define csr_clear(csr, bits) asm volatile("csrc " #csr ", %0" ::"rK"((u64)(bits)) : "memory")

static inline void wait_for_interrupt(void)
{
    asm volatile("wfi" ::: "memory");
}

#define INTERRUPT (1ul << 63) /* of mcause and scause */
