/* What programs call. */
#pragma once
#include "calls.h"

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
enum { PAGE = 4096, BLOCK = 1024 };
#define SIZE(array) (sizeof(array) / sizeof *(array))

static inline long call(u64 number, u64 a, u64 b, u64 c) {
    register u64 a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c, a7 asm("a7") = number;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return (long)a0;
}

#define fork() call(CALL_FORK, 0, 0, 0)
#define leave(status) call(CALL_EXIT, (u64)(status), 0, 0)
#define wait(status) call(CALL_WAIT, (u64)(status), 0, 0)
#define exec(name) call(CALL_EXEC, (u64)(name), 0, 0)
#define grow(bytes) call(CALL_BREAK, (u64)(bytes), 0, 0)
#define promise(bytes) call(CALL_BREAK, (u64)(bytes), 1, 0)
#define kill(pid) call(CALL_KILL, (u64)(pid), 0, 0)
#define pause(count) call(CALL_PAUSE, count, 0, 0)
#define pages() call(CALL_PAGES, 0, 0, 0)
