/* Calls to the SBI firmware. */
#pragma once
#include "../common/sbi.h"
#include "../common/types.h"

struct sbi_result {
    int64_t error;
    u64 value;
};

static inline struct sbi_result sbi_call(u64 extension, u64 function, u64 first, u64 second, u64 third)
{
    register u64 a0 asm("a0") = first;
    register u64 a1 asm("a1") = second;
    register u64 a2 asm("a2") = third;
    register u64 a6 asm("a6") = function;
    register u64 a7 asm("a7") = extension;

    asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){(int64_t)a0, a1};
}
