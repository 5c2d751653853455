#pragma once
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* One program: `run` does its work `times` times and returns a checksum that is the same in every emulator. */
struct program {
    const char *name;
    u64 (*run)(u64 times);
};

u64 run_integer(u64 times);
u64 run_matrix(u64 times);
u64 run_nbody(u64 times);
u64 run_copy(u64 times);
u64 run_string(u64 times);
u64 run_sha256(u64 times);
u64 run_interpreter(u64 times);
u64 run_calls(u64 times);
u64 run_chase(u64 times);
u64 run_syscalls(u64 times);
u64 run_faults(u64 times);
u64 run_fork(u64 times);
u64 run_pipes(u64 times);
u64 run_clock(u64 times);
u64 run_timer(u64 times);
u64 run_mmio(u64 times);
u64 run_pair(u64 times);
u64 run_stall(u64 times);

/* A value that the compiler cannot know. */
static inline u64 opaque(u64 value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

static inline u64 random_next(u64 *state)
{
    u64 x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

/* Ends the machine with a line about what failed. */
_Noreturn void fail(const char *what);

/* Zeroed memory from the kernel, in pages, and its return. */
void *take_pages(size_t bytes);
void give_pages(void *memory, size_t bytes);
